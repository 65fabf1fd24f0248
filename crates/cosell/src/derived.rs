//! Ids that follow from what they stand for, so that a repeat is refused by the service.

use uuid::Uuid;

/// Namespace of all ids that this crate derives.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0b_1a3c_77b2_4a6a_9d44_1c5e_0f2b_9d31);

/// Id of the opportunity made for a referral in one organization. Two organizations that see the
/// same referral derive different ids, so that neither takes the other's row for its own.
pub(crate) fn opportunity(organization: Uuid, referral: &str) -> Uuid {
    derive(&[
        "opportunity",
        &organization.to_string(),
        &referral.to_lowercase(),
    ])
}

/// Id of the account made for a customer in one organization.
pub(crate) fn account(organization: Uuid, name: &str, postal_code: &str) -> Uuid {
    let name = name.trim().to_lowercase();
    let postal_code: String = postal_code
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_lowercase();
    derive(&["account", &organization.to_string(), &name, &postal_code])
}

fn derive(parts: &[&str]) -> Uuid {
    // Lengths keep the parts apart: ("ab", "c") and ("a", "bc") must differ.
    let text: String = parts
        .iter()
        .map(|part| format!("{}:{part};", part.len()))
        .collect();
    Uuid::new_v5(&NAMESPACE, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const TWO: Uuid = Uuid::from_u128(2);

    #[test]
    fn the_same_thing_has_the_same_id_and_others_have_others() {
        assert_eq!(opportunity(ONE, "AB-1"), opportunity(ONE, "ab-1"));
        assert_ne!(opportunity(ONE, "ab-1"), opportunity(TWO, "ab-1"));
        assert_eq!(
            account(ONE, " Fabrikam ", "LS1 4AB"),
            account(ONE, "fabrikam", "ls14ab")
        );
        assert_ne!(account(ONE, "fabrikam", "1"), account(ONE, "fabrikam1", ""));
    }
}
