//! Trying a mapping on live deals before it is used. Nothing is written.

use cosell_dataverse::{
    Dataverse, Direction, Filter, PageOptions, Query, Row, Table, names::opportunity,
};
use cosell_mapping::{
    Context, Record,
    rules::{Explained, Faults, Mapping, Preview, Schema},
};
use cosell_referrals::Referrals;
use uuid::Uuid;

use crate::{
    Dynamics, DynamicsOptions,
    live::{self, Live},
};

/// A mapping held against the live services: checked, explained on one deal, previewed over many.
///
/// Made by [`CosellBuilder::try_out`](crate::CosellBuilder::try_out) for a mapping that is to be
/// used, by [`Cosell::try_out`](crate::Cosell::try_out) for one that may come after the one in use.
/// It reads the definitions once; make another after the CRM's columns have changed.
#[derive(Clone, Debug)]
pub struct Trial {
    mapping: Mapping,
    live: Live,
    referrals: Referrals,
    opportunities: Dynamics,
    identifier: String,
    sync: String,
}

/// What a mapping would do to a sample of live deals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// Counts by field.
    pub preview: Preview,
    /// Opportunities whose referral cannot be seen; they are in no count.
    pub without_referral: Vec<Uuid>,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.preview.fmt(f)?;
        match self.without_referral.len() {
            0 => Ok(()),
            deals => writeln!(f, "{deals} more name a referral that cannot be seen"),
        }
    }
}

/// A mapping could not be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// The mapping does not fit the services; warnings are in it, too.
    #[error("the mapping does not fit the services:\n{0}")]
    Mapping(Faults),
    /// A service could not be read. Nothing was written.
    #[error(transparent)]
    Service(#[from] cosell_http::Error),
    /// There is no such deal on both sides.
    #[error("{0}")]
    NoDeal(String),
}

impl Trial {
    pub(crate) async fn new(
        mapping: Mapping,
        referrals: Referrals,
        dataverse: Dataverse,
        configured: Context,
        options: DynamicsOptions,
    ) -> Result<Self, TrialError> {
        let live = live::read(&dataverse, mapping.fields(), configured).await?;
        let (identifier, sync) = (
            options.columns.identifier.clone(),
            options.columns.sync.clone(),
        );
        let opportunities = Dynamics::new(
            dataverse,
            Uuid::nil(),
            mapping.fields().clone().into(),
            live.context.clone().into(),
            options,
        );
        Ok(Self {
            mapping,
            live,
            referrals,
            opportunities,
            identifier,
            sync,
        })
    }

    /// The mapping.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// What the services have: columns with types, lengths and options, places of a referral.
    pub fn schema(&self) -> &Schema {
        &self.live.schema
    }

    /// What the lenses know besides the records: currencies, option labels, keys, lengths.
    pub fn context(&self) -> &Context {
        &self.live.context
    }

    /// Everything in which the mapping does not fit the services. Errors forbid using it.
    pub fn check(&self) -> Faults {
        self.mapping.check(&self.live.schema)
    }

    /// What the mapping makes of the deal of one opportunity: per field the values read, the
    /// steps, what would be written where, and why nothing would be.
    ///
    /// # Errors
    /// [`TrialError`]. Cancel safety: may be dropped.
    pub async fn explain_opportunity(&self, id: Uuid) -> Result<Explained, TrialError> {
        self.fit()?;
        let table = self.opportunities.client().table(Table::OPPORTUNITY);
        let row = table.find(id, &self.opportunities.query()).await?;
        let row = row.ok_or_else(|| TrialError::NoDeal(format!("there is no opportunity {id}")))?;
        self.explain(row, &format!("the opportunity {id}")).await
    }

    /// Like [`explain_opportunity`](Self::explain_opportunity), for the deal of one referral.
    ///
    /// # Errors
    /// [`TrialError`]. Cancel safety: may be dropped.
    pub async fn explain_referral(&self, id: &str) -> Result<Explained, TrialError> {
        self.fit()?;
        let query = self.opportunities.query();
        let query = query.with_filter(Filter::eq(&self.identifier, id));
        let row = self.rows(&query).await?.into_iter().next();
        let row = row
            .ok_or_else(|| TrialError::NoDeal(format!("no opportunity names the referral {id}")))?;
        self.explain(row, &format!("the opportunity of referral {id}"))
            .await
    }

    /// What the mapping would do to the deals that changed last in the CRM, at most `most` of
    /// them. Each costs a read of its referral.
    ///
    /// # Errors
    /// [`TrialError`]. Cancel safety: may be dropped.
    pub async fn preview(&self, most: u32) -> Result<Sample, TrialError> {
        self.fit()?;
        let linked = Filter::eq(&self.sync, true).and(Filter::is_not_null(&self.identifier));
        let query = self
            .opportunities
            .query()
            .with_filter(linked)
            .with_order(opportunity::MODIFIED_ON, Direction::Descending)
            .with_top(most.clamp(1, 5_000));
        let mut sample = Sample::default();
        let mut pairs = Vec::new();
        for row in self.rows(&query).await? {
            let id = row.guid(Table::OPPORTUNITY.key()).ok().flatten();
            match self.referral_of(&row).await? {
                Some(referral) => pairs.push((referral, record(&row))),
                None => sample.without_referral.extend(id),
            }
        }
        let pairs = pairs.iter().map(|(referral, row)| (referral, row));
        sample.preview = self.mapping.preview(pairs, &self.live.context);
        Ok(sample)
    }

    fn fit(&self) -> Result<(), TrialError> {
        let faults = self.check();
        let unfit = faults.errors().next().is_some();
        if unfit {
            return Err(TrialError::Mapping(faults));
        }
        Ok(())
    }

    async fn explain(&self, row: Row, what: &str) -> Result<Explained, TrialError> {
        let referral = self.referral_of(&row).await?.ok_or_else(|| {
            TrialError::NoDeal(format!("{what} names no referral that can be seen"))
        })?;
        Ok(self
            .mapping
            .explain(&referral, &record(&row), &self.live.context))
    }

    async fn referral_of(&self, row: &Row) -> Result<Option<Record>, cosell_http::Error> {
        let Some(id) = row.text(&self.identifier).ok().flatten() else {
            return Ok(None);
        };
        // A text of another shape names no referral.
        if Uuid::try_parse(id.trim()).is_err() {
            return Ok(None);
        }
        let referral = self.referrals.get(id.trim()).await?;
        Ok(referral.map(|referral| referral.raw().clone()))
    }

    async fn rows(&self, query: &Query) -> Result<Vec<Row>, cosell_http::Error> {
        let table = self.opportunities.client().table(Table::OPPORTUNITY);
        let mut pages = table.pages(query, PageOptions::default());
        let mut rows = Vec::new();
        while let Some(page) = pages.next_page().await? {
            rows.extend(page.rows);
        }
        Ok(rows)
    }
}

fn record(row: &Row) -> Record {
    row.members()
        .map(|(name, json)| (name.to_owned(), json.to_owned()))
        .collect()
}
