//! The body of an answer: whole, or broken off.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::AnswerLost;

/// Announces its full length, and may still break off before it.
#[derive(Debug)]
pub(super) struct AnswerBody {
    announced: u64,
    rest: Option<Bytes>,
    breaks: bool,
}

impl AnswerBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            announced: bytes.len() as u64,
            rest: Some(bytes).filter(|bytes| !bytes.is_empty()),
            breaks: false,
        }
    }

    /// Sends half of `bytes`, then fails: the connection closes.
    pub(super) fn cut(bytes: &Bytes) -> Self {
        let half = bytes.len() / 2;
        Self {
            announced: bytes.len() as u64,
            rest: Some(bytes.slice(..half)),
            breaks: true,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerLost;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerLost>>> {
        if let Some(bytes) = self.rest.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        Poll::Ready(self.breaks.then_some(Err(AnswerLost)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && !self.breaks
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}
