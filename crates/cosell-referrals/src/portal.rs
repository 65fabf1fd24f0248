//! Links for people into the portal.

use crate::{Violations, link, violation::Findings};

/// A template for links to a referral in the portal; `{id}` stands for the referral's id.
///
/// The portal's addresses are not published and have changed before, hence a template.
///
/// ```
/// use cosell_referrals::PortalTemplate;
///
/// let link = PortalTemplate::default().link("b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa");
/// assert_eq!(
///     link,
///     "https://partner.microsoft.com/referrals/v2/inbox?id=b7a1f0d3-52c9-4e86-8f3a-6d1c9e2470aa",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalTemplate(String);

const PLACE: &str = "{id}";

impl PortalTemplate {
    /// A template of one's own: an https address with `{id}` in it.
    ///
    /// # Errors
    /// [`Violations`] when it is none.
    pub fn new(template: impl Into<String>) -> Result<Self, Violations> {
        let template = template.into();
        let mut findings = Findings::default();
        if !template.contains(PLACE) {
            findings.add(
                "portal link template",
                "has no place for the referral's id",
                "put {id} where the id belongs",
            );
        }
        let sample = template.replace(PLACE, "0");
        if !url::Url::parse(&sample).is_ok_and(|url| url.scheme() == "https") {
            findings.add(
                "portal link template",
                "is no https address",
                "begin it with https://",
            );
        }
        findings.verdict().map(|()| Self(template))
    }

    /// The link to the referral `id`.
    pub fn link(&self, id: &str) -> String {
        self.0.replace(PLACE, &link::segment(id))
    }
}

impl Default for PortalTemplate {
    fn default() -> Self {
        Self("https://partner.microsoft.com/referrals/v2/inbox?id={id}".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_can_be_changed_and_the_id_stays_an_id() {
        let template = PortalTemplate::new("https://portal.example/deals/{id}/view").unwrap();
        assert_eq!(
            template.link("a/../b?c=1"),
            "https://portal.example/deals/a%2F..%2Fb%3Fc%3D1/view"
        );
    }

    #[test]
    fn all_faults_of_a_template_are_told() {
        let faults = PortalTemplate::new("http://portal.example").unwrap_err();
        assert_eq!(faults.list().len(), 2);
    }
}
