//! Which referrals a list holds.

use chrono::{DateTime, SecondsFormat, Timelike, Utc};

use crate::{Direction, Qualification, ReferralType, Status, Substatus};

/// A condition on listed referrals, an OData `$filter`.
///
/// Texts are escaped here and percent-encoded when the request is built; neither is the
/// caller's work. What the service's own documents show is marked so; the rest is plausible
/// and unproven, so try it before you rely on it.
///
/// ```
/// use cosell_referrals::{Direction, Filter, Substatus};
///
/// let waiting = Filter::direction(&Direction::Incoming).and(Filter::substatus(&Substatus::Pending));
/// assert_eq!(waiting.as_str(), "direction eq 'Incoming' and substatus eq 'Pending'");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    text: String,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One comparison: binds tightest.
    Single,
    All,
    /// Unknown or `or`: parenthesised inside `and`.
    Any,
}

impl Filter {
    /// Referrals of one engagement. Documented.
    pub fn engagement(id: &str) -> Self {
        Self::equal("engagementId", id)
    }

    /// Referrals in `status`. Documented.
    pub fn status(status: &Status) -> Self {
        Self::equal("status", status.as_str())
    }

    /// Referrals in `substatus`. Documented.
    pub fn substatus(substatus: &Substatus) -> Self {
        Self::equal("substatus", substatus.as_str())
    }

    /// Referrals of one qualification. Documented.
    pub fn qualification(qualification: &Qualification) -> Self {
        Self::equal("qualification", qualification.as_str())
    }

    /// Referrals of one type. Documented.
    pub fn referral_type(referral_type: &ReferralType) -> Self {
        Self::equal("type", referral_type.as_str())
    }

    /// Incoming or outgoing referrals. Documented.
    pub fn direction(direction: &Direction) -> Self {
        Self::equal("direction", direction.as_str())
    }

    /// Referrals with customers in a country (two letters). Documented.
    pub fn customer_country(country: &str) -> Self {
        Self::equal("customerProfile/address/country", country)
    }

    /// Referrals on whose team this e-mail address stands. Documented.
    pub fn team_email(email: &str) -> Self {
        Self::single(format!("team/any(t:t/email eq {})", literal(email)))
    }

    /// Referrals with this id of the partner's own. Unproven: where it is not honoured, list the
    /// recent ones and compare.
    pub fn external_reference_id(id: &str) -> Self {
        Self::equal("externalReferenceId", id)
    }

    /// Referrals that changed at `floor` or later, in service time. Unproven.
    ///
    /// `floor` is cut to milliseconds, so that nothing after it is missed.
    pub fn updated_since(floor: DateTime<Utc>) -> Self {
        Self::since("updatedDateTime", floor)
    }

    /// Referrals that were created at `floor` or later, in service time, cut as for
    /// [`updated_since`](Self::updated_since). Unproven.
    pub fn created_since(floor: DateTime<Utc>) -> Self {
        Self::since("createdDateTime", floor)
    }

    fn since(property: &str, floor: DateTime<Utc>) -> Self {
        let precision = if floor.nanosecond() == 0 {
            SecondsFormat::Secs
        } else {
            SecondsFormat::Millis
        };
        let floor = floor.to_rfc3339_opts(precision, true);
        Self::single(format!("{property} ge {floor}"))
    }

    /// An expression of the caller's own, taken as it is (unencoded OData).
    pub fn raw(expression: impl Into<String>) -> Self {
        Self {
            text: expression.into(),
            shape: Shape::Any,
        }
    }

    /// Both conditions. Documented.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            text: [self.operand(), other.operand()].join(" and "),
            shape: Shape::All,
        }
    }

    /// One condition at least. Unproven.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            text: [self.text, other.text].join(" or "),
            shape: Shape::Any,
        }
    }

    /// The expression, not percent-encoded.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn equal(property: &str, text: &str) -> Self {
        Self::single(format!("{property} eq {}", literal(text)))
    }

    fn single(text: String) -> Self {
        Self {
            text,
            shape: Shape::Single,
        }
    }

    fn operand(self) -> String {
        match self.shape {
            Shape::Single | Shape::All => self.text,
            Shape::Any => format!("({})", self.text),
        }
    }
}

/// An OData text: in single quotes, with quotes inside doubled.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_the_service_documents_them() {
        let filter = Filter::status(&Status::Active)
            .and(Filter::direction(&Direction::Outgoing))
            .and(Filter::referral_type(&ReferralType::Shared))
            .and(Filter::team_email("omar.diaz@northwind.example"));
        assert_eq!(
            filter.as_str(),
            "status eq 'Active' and direction eq 'Outgoing' and type eq 'Shared' \
             and team/any(t:t/email eq 'omar.diaz@northwind.example')"
        );
    }

    #[test]
    fn alternatives_are_set_in_parentheses_within_and() {
        let either = Filter::status(&Status::New).or(Filter::status(&Status::Active));
        let filter = Filter::customer_country("GB").and(either);
        assert_eq!(
            filter.as_str(),
            "customerProfile/address/country eq 'GB' and (status eq 'New' or status eq 'Active')"
        );
    }

    #[test]
    fn quotes_cannot_end_a_text() {
        assert_eq!(
            Filter::external_reference_id("x' or 1 eq 1 or 'y").as_str(),
            "externalReferenceId eq 'x'' or 1 eq 1 or ''y'"
        );
    }

    #[test]
    fn a_floor_is_cut_down_never_up() {
        let floor = "2026-03-01T00:00:00.1239999Z".parse().unwrap();
        assert_eq!(
            Filter::updated_since(floor).as_str(),
            "updatedDateTime ge 2026-03-01T00:00:00.123Z"
        );
        let whole = "2026-03-01T00:00:00Z".parse().unwrap();
        assert_eq!(
            Filter::created_since(whole).as_str(),
            "createdDateTime ge 2026-03-01T00:00:00Z"
        );
    }
}
