//! How a client of production, or of a double, is put together.

use std::sync::Arc;

use cosell_http::{Client, Error, Sleep, TokenProvider, Transport};
use url::Url;

use crate::{Referrals, client::invalid, link, read_error};

/// Builds a [`Referrals`].
#[derive(Debug)]
pub struct ReferralsBuilder {
    pub(crate) base: Option<Url>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) tokens: Arc<dyn TokenProvider>,
    pub(crate) sleep: Arc<dyn Sleep>,
}

impl ReferralsBuilder {
    /// Another address than production; see [`Referrals::new`] for what it is.
    #[must_use]
    pub fn base(mut self, base: Url) -> Self {
        self.base = Some(base);
        self
    }

    /// Finishes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when the address is neither https nor loopback.
    pub fn build(self) -> Result<Referrals, Error> {
        let base = match self.base {
            Some(base) => base,
            None => Url::parse(link::PRODUCTION)
                .map_err(|error| invalid("referrals.build", "no address").with_source(error))?,
        };
        let http = Client::builder(base, self.transport, self.tokens, self.sleep)
            .error_reader(read_error)
            .build()?;
        Ok(Referrals::new(http))
    }
}
