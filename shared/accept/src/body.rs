//! Reading a request's body: capped in size and in time, and never left half read.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::MAX_BODY_BYTES;

/// How long a body may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a body that is too large is read and thrown away, so that the client gets to see the answer instead of a
/// closed connection.
const MOST_DRAINED: usize = 32 * 1024 * 1024;

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// Over [`MAX_BODY_BYTES`].
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// The client stopped in its middle.
    Broken,
}

pub(crate) async fn read(body: Body) -> Result<Bytes, BodyError> {
    tokio::time::timeout(READ_TIMEOUT, collect(body)).await.unwrap_or(Err(BodyError::TooSlow))
}

async fn collect(mut body: Body) -> Result<Bytes, BodyError> {
    // Most bodies come in one frame, which is then used as it is.
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    let Some(second) = next(&mut body).await? else {
        return if first.len() > MAX_BODY_BYTES { Err(BodyError::TooLarge) } else { Ok(first) };
    };
    let mut all = BytesMut::from(first);
    all.extend_from_slice(&second);
    while let Some(more) = next(&mut body).await? {
        if all.len() + more.len() > MAX_BODY_BYTES {
            return drain(body, all.len() + more.len()).await;
        }
        all.extend_from_slice(&more);
    }
    if all.len() > MAX_BODY_BYTES { Err(BodyError::TooLarge) } else { Ok(all.freeze()) }
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

    #[tokio::test]
    async fn a_body_up_to_the_limit_is_read_and_one_byte_more_is_not() {
        assert_eq!(read(Body::from(vec![0; MAX_BODY_BYTES])).await.unwrap().len(), MAX_BODY_BYTES);
        assert_eq!(read(Body::from(vec![0; MAX_BODY_BYTES + 1])).await, Err(BodyError::TooLarge));
        assert_eq!(read(Body::empty()).await.unwrap().len(), 0);
    }
}
