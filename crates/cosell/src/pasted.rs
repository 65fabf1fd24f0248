//! Deals whose referral is only pasted text in the CRM: found, shown, and linked once a person
//! has confirmed.
//!
//! Before an integration works, sellers keep the referral's link or id in a description. Nothing
//! here is guessed: a text counts only if it holds the id of a referral that is there, and
//! nothing is linked before somebody said so.

use std::collections::BTreeMap;

use cosell_dataverse::{Filter, PageOptions, Query, Row, Table, names::opportunity};
use cosell_sync::{Adopted, EngineError, PairKey, RecordId, Replica as _, Role, Side};
use uuid::Uuid;

use crate::{CompareError, Cosell, failure};

/// Where pasted referrals are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastedOptions {
    /// Text columns of the opportunity; `description` by default.
    pub columns: Vec<String>,
}

impl Default for PastedOptions {
    fn default() -> Self {
        Self {
            columns: vec![opportunity::DESCRIPTION.to_owned()],
        }
    }
}

impl PastedOptions {
    /// Another column, besides those named already.
    #[must_use]
    pub fn with_column(mut self, column: impl Into<String>) -> Self {
        self.columns.push(column.into());
        self
    }
}

/// An opportunity that names a referral in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pasted {
    /// The opportunity.
    pub opportunity: RecordId,
    /// Is it marked for sync? If not, it is linked all the same and waits until it is.
    pub marked: bool,
    /// The column with the text.
    pub column: String,
    /// The referral that the text names.
    pub referral: RecordId,
    /// Can they be linked?
    pub verdict: PastedVerdict,
}

/// Can an opportunity be linked to the referral in its text?
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PastedVerdict {
    /// Yes: both are free and name nobody else.
    Fits,
    /// The opportunity's texts name more than one referral: a person picks.
    NamesSeveral,
    /// More than one opportunity names this referral: a person picks.
    NamedBySeveral,
    /// The referral belongs to another opportunity.
    Paired,
    /// The referral carries another id of the CRM.
    NamesAnother(PairKey),
}

impl Cosell {
    /// Finds opportunities without a referral's identifier whose texts name a referral that is
    /// there. Reads all such opportunities, and each named referral once; writes nothing.
    ///
    /// # Errors
    /// [`CompareError`] when a service or the store cannot be read. Cancel safety: may be dropped.
    pub async fn find_pasted(&self, options: &PastedOptions) -> Result<Vec<Pasted>, CompareError> {
        let mut found = Vec::new();
        let columns = self.dynamics().options().columns.clone();
        let filled = options
            .columns
            .iter()
            .map(|column| Filter::is_not_null(column))
            .reduce(Filter::or);
        let Some(filled) = filled else {
            return Ok(found);
        };
        let read = options.columns.iter().chain([&columns.sync]);
        let query = Query::select(read.map(String::as_str))
            .with_filter(Filter::is_null(&columns.identifier).and(filled));
        let mut pages = self
            .dynamics()
            .client()
            .table(Table::OPPORTUNITY)
            .pages(&query, PageOptions::default());
        let mut verdicts: BTreeMap<Uuid, Option<PastedVerdict>> = BTreeMap::new();
        loop {
            let page = pages
                .next_page()
                .await
                .map_err(|error| CompareError::Read {
                    side: Side::Right,
                    source: failure::read_error(&error),
                })?;
            let Some(page) = page else {
                break;
            };
            for row in page.rows {
                let Ok(Some(id)) = row.guid(Table::OPPORTUNITY.key()) else {
                    continue;
                };
                let id = RecordId::new(id.to_string());
                if self.engine().pair_of(Side::Right, &id).await?.is_some() {
                    continue;
                }
                let marked = matches!(row.flag(&columns.sync), Ok(Some(true)));
                for (referral, column) in named(&row, &options.columns) {
                    let known = verdicts.get(&referral).cloned();
                    let verdict = match known {
                        Some(verdict) => verdict,
                        None => self.judge(referral).await?,
                    };
                    verdicts.insert(referral, verdict.clone());
                    if let Some(verdict) = verdict {
                        found.push(Pasted {
                            opportunity: id.clone(),
                            marked,
                            column,
                            referral: RecordId::new(referral.to_string()),
                            verdict,
                        });
                    }
                }
            }
        }
        tell_doubles(&mut found);
        Ok(found)
    }

    /// Links an opportunity to the referral in its text, after a person has confirmed it; `by` is
    /// that person, for the audit trail. The next round compares both as at a first meeting and
    /// fills the identifier.
    ///
    /// # Errors
    /// [`EngineError`]; what speaks against the link is no error, see [`Adopted::Refused`].
    pub async fn adopt(&self, pasted: &Pasted, by: &str) -> Result<Adopted, EngineError> {
        self.engine()
            .adopt(&pasted.referral, &pasted.opportunity, by)
            .await
    }

    /// `None`: no referral of ours has this id.
    async fn judge(&self, referral: Uuid) -> Result<Option<PastedVerdict>, CompareError> {
        let id = RecordId::new(referral.to_string());
        let side = Side::Left;
        let fetched = self.partner_center().fetch(&id).await;
        let Some(record) = fetched.map_err(|source| CompareError::Read { side, source })? else {
            return Ok(None);
        };
        if record.role != Role::Main {
            return Ok(None);
        }
        if self.engine().pair_of(side, &id).await?.is_some() {
            return Ok(Some(PastedVerdict::Paired));
        }
        Ok(Some(match record.key {
            Some(key) => PastedVerdict::NamesAnother(key),
            None => PastedVerdict::Fits,
        }))
    }
}

/// Referrals that a row's texts may name, each once.
fn named(row: &Row, columns: &[String]) -> BTreeMap<Uuid, String> {
    let mut named = BTreeMap::new();
    for column in columns {
        let Ok(Some(text)) = row.text(column) else {
            continue;
        };
        for id in guids(&text) {
            named.entry(id).or_insert_with(|| column.clone());
        }
    }
    named
}

/// The GUIDs in a text, bare or in a link.
fn guids(text: &str) -> impl Iterator<Item = Uuid> + '_ {
    const LENGTH: usize = 36;
    text.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-')
        // An encoded `=` before it ends in a digit of its own.
        .filter_map(|word| word.get(word.len().checked_sub(LENGTH)?..))
        .filter_map(|word| Uuid::try_parse(word).ok())
}

fn tell_doubles(found: &mut [Pasted]) {
    let mut of_row: BTreeMap<RecordId, usize> = BTreeMap::new();
    let mut of_referral: BTreeMap<RecordId, usize> = BTreeMap::new();
    for pasted in found.iter() {
        *of_row.entry(pasted.opportunity.clone()).or_default() += 1;
        *of_referral.entry(pasted.referral.clone()).or_default() += 1;
    }
    for pasted in found
        .iter_mut()
        .filter(|pasted| pasted.verdict == PastedVerdict::Fits)
    {
        if of_row[&pasted.opportunity] > 1 {
            pasted.verdict = PastedVerdict::NamesSeveral;
        } else if of_referral[&pasted.referral] > 1 {
            pasted.verdict = PastedVerdict::NamedBySeveral;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_bare_and_in_links() {
        let id = Uuid::from_u128(0xb4d3_21d5_c5d8_4131_8358_0f57_0446_a6c2);
        for text in [
            format!("{id}"),
            format!("see https://partner.microsoft.com/referrals/v2/inbox?id={id}&x=1, please"),
            format!("link%3D{id}"),
            format!("({})", id.to_string().to_uppercase()),
        ] {
            assert_eq!(guids(&text).collect::<Vec<_>>(), [id], "{text}");
        }
        for text in ["", "call 0113 496 0000", "b4d321d5-c5d8-4131-8358", "é-é"] {
            assert_eq!(guids(text).count(), 0, "{text}");
        }
    }
}
