//! Reading a request's body: capped in size and in time, and never left half read.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

/// How long a body may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a body that is too large is read and thrown away, so that the client gets to see the answer instead of a
/// closed connection.
const MOST_DRAINED: usize = 32 * 1024 * 1024;

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Over the limit.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// The client stopped in its middle.
    Broken,
}

pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    tokio::time::timeout(READ_TIMEOUT, collect(body, limit)).await.unwrap_or(Err(BodyError::TooSlow))
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, BodyError> {
    // Most bodies come in one frame, which is then used as it is.
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    let Some(second) = next(&mut body).await? else {
        return if first.len() > limit { Err(BodyError::TooLarge) } else { Ok(first) };
    };
    let mut all = BytesMut::from(first);
    all.extend_from_slice(&second);
    while let Some(more) = next(&mut body).await? {
        if all.len() + more.len() > limit {
            return drain(body, all.len() + more.len()).await;
        }
        all.extend_from_slice(&more);
    }
    if all.len() > limit { Err(BodyError::TooLarge) } else { Ok(all.freeze()) }
}

async fn drain(mut body: Body, mut read: usize) -> Result<Bytes, BodyError> {
    while read < MOST_DRAINED {
        let Some(more) = next(&mut body).await? else { break };
        read += more.len();
    }
    Err(BodyError::TooLarge)
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_BODY_BYTES;

    #[tokio::test]
    async fn a_body_up_to_the_limit_is_read_and_one_byte_more_is_not() {
        assert_eq!(read(Body::from(vec![0; MAX_BODY_BYTES]), MAX_BODY_BYTES).await.unwrap().len(), MAX_BODY_BYTES);
        assert_eq!(read(Body::from(vec![0; MAX_BODY_BYTES + 1]), MAX_BODY_BYTES).await, Err(BodyError::TooLarge));
        assert_eq!(read(Body::empty(), MAX_BODY_BYTES).await.unwrap().len(), 0);
    }
}
