//! Posting what is due over a transport.

use cosell_http::{BodyLimit, Transport};

use super::Delivered;
use crate::SandboxHandle;

/// Answers of receivers are not read any further than this.
const ANSWER_LIMIT: BodyLimit = BodyLimit(64 * 1024);

impl SandboxHandle {
    /// Posts every webhook that is due at the sandbox's time over `receiver`, one after another,
    /// and notes how each ended. Returns the number of posts.
    ///
    /// A post that fails is due again later: advance the clock and deliver again. Cancel safety:
    /// posts taken and not yet sent when the future is dropped are lost, as they are for a
    /// receiver that is down for good.
    pub async fn deliver(&self, receiver: &dyn Transport) -> usize {
        let due = self.with(crate::Sandbox::take_deliveries);
        let posts = due.len();
        for delivery in due {
            let mut request = delivery.request;
            request.extensions_mut().insert(ANSWER_LIMIT);
            let how = match receiver.send(request).await {
                Ok(answer) => Delivered::Answered(answer.status()),
                Err(_) => Delivered::NoAnswer,
            };
            self.with(|sandbox| sandbox.report_delivery(delivery.number, how));
        }
        posts
    }
}
