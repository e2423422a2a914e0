//! Dead letters that somebody asked to be sent again: one attempt each, between two pages, so that the rest waits for none of them longer
//! than its peer takes to answer.

use super::Carrier;
use crate::journal::{Page, StoreError};
use crate::runtime::clock;
use crate::sink::deliver::Step;
use crate::sink::destination::{DeliverError, Destination};

impl<D: Destination> Carrier<D> {
    /// Sends what was asked for, in order, and puts on record what became of each. Where the peer does not answer, the rest waits for the
    /// next look.
    pub(super) async fn send_again(&mut self) {
        self.looked_again_at = clock::instant();
        let mut after = 0;
        while !*self.stop.borrow() {
            match self.send_next(after).await {
                Ok(Some(seq)) => after = seq,
                Ok(None) => return,
                Err(error) => {
                    tracing::info!(sink = self.name, %error, "dead letters cannot be sent again now; it is tried again");
                    return;
                }
            }
        }
    }

    /// Sends the next one behind `after`; `None` when there is no other to be sent now.
    async fn send_next(&mut self, after: u64) -> Result<Option<u64>, StoreError> {
        let Some(seq) = self.cursors.next_asked(&self.name, after)? else { return Ok(None) };
        let mut page = Page::default();
        self.reader.page(seq - 1, &[], 1, &mut page)?;
        let outcome = if page.last_seq() == Some(seq) {
            self.destination.again(&page).await
        } else {
            Err(DeliverError::Misconfigured { reason: "the event is no longer in the journal".to_owned() })
        };
        self.at(Step::SentAgain);
        let (refused, answered) = match outcome {
            Ok(()) => {
                self.gauges.delivered.add(1);
                tracing::info!(sink = self.name, seq, "a dead letter was sent again and taken");
                (None, true)
            }
            Err(DeliverError::Refused { refused, .. }) => {
                (Some(refused.into_iter().next().map_or_else(|| "refused".to_owned(), |refused| refused.reason)), true)
            }
            Err(DeliverError::Misconfigured { reason }) => (Some(reason), true),
            Err(DeliverError::Unavailable { reason, .. }) => (Some(reason), false),
        };
        self.cursors.sent_again(&self.name, seq, refused.as_deref())?;
        Ok(answered.then_some(seq))
    }
}
