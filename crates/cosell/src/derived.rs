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

/// Id of the lead made for a referral in one organization.
pub(crate) fn lead(organization: Uuid, referral: &str) -> Uuid {
    derive(&["lead", &organization.to_string(), &referral.to_lowercase()])
}

/// Id of the account made for a customer in one organization, told apart by these texts.
pub(crate) fn account(organization: Uuid, key: &[String]) -> Uuid {
    let plain = key.iter().map(|text| text.trim().to_lowercase());
    let parts: Vec<String> = ["account".to_owned(), organization.to_string()]
        .into_iter()
        .chain(plain)
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    derive(&parts)
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
        let account = |name: &str, code: &str| account(ONE, &[name.to_owned(), code.to_owned()]);
        assert_eq!(
            account(" Fabrikam ", "LS14AB"),
            account("fabrikam", "ls14ab")
        );
        assert_ne!(account("fabrikam", "1"), account("fabrikam1", ""));
    }
}
