//! What a list is asked for.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Filter;

/// What stands unencoded in a query: what cannot end or change an option.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b':')
    .remove(b',')
    .remove(b'(')
    .remove(b')');

/// The date that referrals are ordered by; the service orders by no other property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderBy {
    /// When they were created. Does not move while a list is read.
    Created,
    /// When they last changed.
    Updated,
}

/// The order of a list. Always sent: without one, pages may repeat or miss referrals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    by: OrderBy,
    newest_first: bool,
}

impl Order {
    /// Newest first.
    pub fn newest(by: OrderBy) -> Self {
        Self {
            by,
            newest_first: true,
        }
    }

    /// Oldest first.
    pub fn oldest(by: OrderBy) -> Self {
        Self {
            by,
            newest_first: false,
        }
    }

    fn expression(self) -> String {
        let property = match self.by {
            OrderBy::Created => "createdDateTime",
            OrderBy::Updated => "updatedDateTime",
        };
        let direction = if self.newest_first { "desc" } else { "asc" };
        format!("{property} {direction}")
    }
}

impl Default for Order {
    /// Oldest first by creation: referrals that appear or change while the list is read move
    /// nothing that was not read yet.
    fn default() -> Self {
        Self::oldest(OrderBy::Created)
    }
}

/// What a list is asked for. The default is every referral that the identity may see.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListOptions {
    /// Only these.
    pub filter: Option<Filter>,
    /// In this order.
    pub order: Order,
    /// `$top`. The service was seen to page on past it, so it is no promise of an upper bound.
    pub top: Option<u32>,
    /// Only these top-level properties, in the service's spelling; all when empty.
    pub select: Vec<String>,
    /// Asks for [`Page::count`](crate::Page::count). Not in the service's documents, but in the
    /// description of Microsoft's connector.
    pub count: bool,
}

impl ListOptions {
    /// Only what `filter` lets through.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// In this order.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Sets `$top`.
    #[must_use]
    pub fn with_top(mut self, top: u32) -> Self {
        self.top = Some(top);
        self
    }

    /// Only these top-level properties.
    #[must_use]
    pub fn with_select<T: Into<String>>(mut self, properties: impl IntoIterator<Item = T>) -> Self {
        self.select = properties.into_iter().map(Into::into).collect();
        self
    }

    /// Asks for [`Page::count`](crate::Page::count).
    #[must_use]
    pub fn with_count(mut self) -> Self {
        self.count = true;
        self
    }

    /// The query of the first page, percent-encoded.
    pub(crate) fn query(&self) -> String {
        let mut options = Vec::new();
        if let Some(filter) = &self.filter {
            options.push(("$filter", filter.as_str().to_owned()));
        }
        options.push(("$orderby", self.order.expression()));
        if !self.select.is_empty() {
            options.push(("$select", self.select.join(",")));
        }
        if let Some(top) = self.top {
            options.push(("$top", top.to_string()));
        }
        if self.count {
            options.push(("$count", "true".to_owned()));
        }
        options
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)))
            .collect::<Vec<_>>()
            .join("&")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Direction, ReferralType};

    #[test]
    fn a_query_is_percent_encoded_without_plus_signs() {
        let filter = Filter::referral_type(&ReferralType::Shared)
            .and(Filter::direction(&Direction::Incoming));
        let options = ListOptions::default()
            .with_filter(filter)
            .with_order(Order::newest(OrderBy::Updated))
            .with_select(["id", "status"])
            .with_top(10)
            .with_count();
        assert_eq!(
            options.query(),
            "$filter=type%20eq%20%27Shared%27%20and%20direction%20eq%20%27Incoming%27\
             &$orderby=updatedDateTime%20desc&$select=id,status&$top=10&$count=true"
        );
    }

    #[test]
    fn an_order_is_sent_even_when_nothing_is_asked() {
        assert_eq!(
            ListOptions::default().query(),
            "$orderby=createdDateTime%20asc"
        );
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_literal(text: String) {
            let query = ListOptions::default()
                .with_filter(Filter::external_reference_id(&text))
                .query();
            prop_assert!(query.is_ascii());
            // As a server takes it apart: options first, then percent-decoding, then quotes.
            let url = url::Url::parse(&format!("https://host.example/?{query}")).unwrap();
            let (name, value) = url.query().unwrap().split('&').next().unwrap().split_once('=').unwrap();
            prop_assert_eq!(name, "$filter");
            prop_assert_eq!(url.query().unwrap().split('&').count(), 2);
            prop_assert!(!value.contains(['+', '#', ' ']));
            let value = percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned();
            let inner = value
                .strip_prefix("externalReferenceId eq '")
                .and_then(|rest| rest.strip_suffix('\''))
                .unwrap();
            prop_assert_eq!(inner.replace("''", ""), text.replace('\'', ""));
            prop_assert_eq!(inner.matches('\'').count(), 2 * text.matches('\'').count());
            prop_assert_eq!(inner.replace("''", "'"), text);
        }
    }
}
