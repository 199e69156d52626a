//! Reading a request's body: capped in size and in time, and never left half read.
//!
//! Until its signature is checked, nobody knows who sends a body. So what all of them may hold together is capped, too:
//! whoever sends more than that is asked to come again, and those who have sent theirs are served.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes of bodies are held at once whose senders are not known yet.
const MOST_HELD: usize = 32 * 1024 * 1024;

/// The room for bodies whose senders are not known yet. One per process.
#[derive(Debug, Clone)]
pub struct Bodies(Arc<Semaphore>);

impl Default for Bodies {
    fn default() -> Self {
        Self::new(MOST_HELD)
    }
}

impl Bodies {
    /// Room for so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// Takes room for so many bytes, if there is.
    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, BodyError> {
        let bytes = u32::try_from(bytes).map_err(|_| BodyError::NoRoom)?;
        Arc::clone(&self.0).try_acquire_many_owned(bytes).map_err(|_| BodyError::NoRoom)
    }
}

/// A body, and the room it takes.
#[derive(Debug)]
pub(crate) struct Held {
    pub bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

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
    /// Too much is held of others.
    NoRoom,
}

pub(crate) async fn read(body: Body, limit: usize, bodies: &Bodies) -> Result<Held, BodyError> {
    tokio::time::timeout(READ_TIMEOUT, collect(body, limit, bodies)).await.unwrap_or(Err(BodyError::TooSlow))
}

async fn collect(mut body: Body, limit: usize, bodies: &Bodies) -> Result<Held, BodyError> {
    // Most bodies come in one frame, which is then used as it is.
    let Some(first) = next(&mut body).await? else { return Ok(Held { bytes: Bytes::new(), _room: None }) };
    if first.len() > limit {
        return drain(body, first.len()).await;
    }
    let mut room = bodies.take(first.len())?;
    let Some(mut more) = next(&mut body).await? else { return Ok(Held { bytes: first, _room: Some(room) }) };
    let mut all = BytesMut::from(first);
    loop {
        if all.len() + more.len() > limit {
            let read = all.len() + more.len();
            drop((all, room));
            return drain(body, read).await;
        }
        room.merge(bodies.take(more.len())?);
        all.extend_from_slice(&more);
        match next(&mut body).await? {
            Some(another) => more = another,
            None => return Ok(Held { bytes: all.freeze(), _room: Some(room) }),
        }
    }
}

async fn drain(mut body: Body, mut read: usize) -> Result<Held, BodyError> {
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
    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};

    use super::*;
    use crate::MAX_BODY_BYTES;

    async fn read_all(body: Body) -> Result<usize, BodyError> {
        read(body, MAX_BODY_BYTES, &Bodies::default()).await.map(|held| held.bytes.len())
    }

    fn in_pieces(pieces: usize, each: usize) -> Body {
        Body::from_stream(stream::iter(0..pieces).map(move |_| Ok::<_, Infallible>(vec![0_u8; each])))
    }

    #[tokio::test]
    async fn a_body_up_to_the_limit_is_read_and_one_byte_more_is_not() {
        assert_eq!(read_all(Body::from(vec![0; MAX_BODY_BYTES])).await, Ok(MAX_BODY_BYTES));
        assert_eq!(read_all(Body::from(vec![0; MAX_BODY_BYTES + 1])).await, Err(BodyError::TooLarge));
        assert_eq!(read_all(in_pieces(16, MAX_BODY_BYTES / 16)).await, Ok(MAX_BODY_BYTES));
        assert_eq!(read_all(in_pieces(17, MAX_BODY_BYTES / 16)).await, Err(BodyError::TooLarge));
        assert_eq!(read_all(Body::empty()).await, Ok(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_in_is_given_up_however_steadily_it_comes() {
        let began = tokio::time::Instant::now();
        let trickle = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(vec![0_u8])
        });
        assert_eq!(read_all(Body::from_stream(trickle)).await, Err(BodyError::TooSlow));
        assert_eq!(began.elapsed(), READ_TIMEOUT);
    }

    #[tokio::test]
    async fn what_unknown_senders_hold_together_is_capped_and_given_back() {
        let bodies = Bodies::new(100);
        let first = read(Body::from(vec![0; 60]), MAX_BODY_BYTES, &bodies).await.unwrap();
        assert_eq!(read(in_pieces(5, 10), MAX_BODY_BYTES, &bodies).await.unwrap_err(), BodyError::NoRoom);
        let second = read(in_pieces(4, 10), MAX_BODY_BYTES, &bodies).await.unwrap();
        assert_eq!(second.bytes.len(), 40, "what was refused holds nothing");
        drop(first);
        assert!(read(Body::from(vec![0; 60]), MAX_BODY_BYTES, &bodies).await.is_ok());
    }
}
