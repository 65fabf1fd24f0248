//! Several rows of one table in one message: all of them or none.

use cosell_http::{Call, Error, Repeat, decode_json};
use http::{HeaderValue, Method};
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    AlternateKey, Columns, Rows, WriteOptions, batch::with_options, input::Faults, literal,
};

/// Rows in one message at most.
const MOST: usize = 1000;

/// Names a row of an upsert.
#[derive(Clone, Debug)]
pub enum RowName {
    /// By its id.
    Id(Uuid),
    /// By an alternate key, whose columns may not be among those to set.
    Key(AlternateKey),
}

#[derive(Deserialize)]
struct Made {
    #[serde(rename = "Ids")]
    ids: Vec<Uuid>,
}

impl Rows {
    /// Makes several rows of the table with the logical name `logical_name`, at most 1,000, and
    /// gives their ids in order. All are made, or none.
    ///
    /// One request where single creates are one each; with it go no versions and no returned
    /// rows. Not every table has it: a refusal of code
    /// [`ResourceNotFound`](crate::ErrorCode::ResourceNotFound) says so.
    ///
    /// Cancel safety: a dropped call may have made all rows. With ids of your own a repeat is
    /// refused.
    ///
    /// # Errors
    /// [`Error`]; one wrong row fails all, and the message names it.
    pub async fn create_multiple(
        &self,
        logical_name: &str,
        rows: Vec<(Option<Uuid>, Columns)>,
        options: &WriteOptions,
    ) -> Result<Vec<Uuid>, Error> {
        let operation = "dataverse.create_multiple";
        let asked = rows.len();
        let given: Vec<Option<Uuid>> = rows.iter().map(|(id, _)| *id).collect();
        let items = rows.into_iter().map(|(id, columns)| match id {
            Some(id) => columns.set(self.table.key(), id),
            None => columns,
        });
        let items = items.collect();
        let call = self.several(
            operation,
            "CreateMultiple",
            logical_name,
            items,
            (&given, options),
        )?;
        let answer = self.client.raw(call).await?;
        let made: Made = decode_json(operation, &answer)?;
        if made.ids.len() != asked {
            return Err(Error::malformed(
                operation,
                &answer,
                format!(
                    "{asked} rows were sent, the answer has {} ids",
                    made.ids.len()
                ),
            ));
        }
        Ok(made.ids)
    }

    /// Changes several rows, at most 1,000, all or none. No row is made.
    ///
    /// Cancel safety: a dropped call may have changed all rows.
    ///
    /// # Errors
    /// [`Error`]; kind `NotFound` when one of the rows is missing.
    pub async fn update_multiple(
        &self,
        logical_name: &str,
        rows: Vec<(Uuid, Columns)>,
        options: &WriteOptions,
    ) -> Result<(), Error> {
        let operation = "dataverse.update_multiple";
        let given: Vec<Option<Uuid>> = rows.iter().map(|(id, _)| Some(*id)).collect();
        let items = rows
            .into_iter()
            .map(|(id, columns)| columns.set(self.table.key(), id));
        let items = items.collect();
        let call = self.several(
            operation,
            "UpdateMultiple",
            logical_name,
            items,
            (&given, options),
        )?;
        self.client.raw(call).await?;
        Ok(())
    }

    /// Changes or makes several rows, at most 1,000, all or none. The service does not tell
    /// which were made.
    ///
    /// Cancel safety: a dropped call may have written all rows; it may be repeated as it is.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn upsert_multiple(
        &self,
        logical_name: &str,
        rows: Vec<(RowName, Columns)>,
        options: &WriteOptions,
    ) -> Result<(), Error> {
        let operation = "dataverse.upsert_multiple";
        let mut given = Vec::new();
        let mut items = Vec::new();
        for (name, columns) in rows {
            match name {
                RowName::Id(id) => {
                    given.push(Some(id));
                    items.push(columns.set(self.table.key(), id));
                }
                RowName::Key(key) => {
                    given.push(None);
                    items.push(columns.addressed(&self.table, &key));
                }
            }
        }
        let call = self.several(
            operation,
            "UpsertMultiple",
            logical_name,
            items,
            (&given, options),
        )?;
        self.client.raw(call).await?;
        Ok(())
    }

    fn several(
        &self,
        operation: &'static str,
        action: &str,
        logical_name: &str,
        items: Vec<Columns>,
        (ids, options): (&[Option<Uuid>], &WriteOptions),
    ) -> Result<Call, Error> {
        let mut faults = Faults::default();
        if options.returning.is_some() {
            faults.push("a message of several rows returns none: leave the wish out, or read them");
        }
        self.table.check(&mut faults);
        faults.check_name("table", logical_name);
        if !(1..=MOST).contains(&items.len()) {
            faults.push(format!(
                "{} rows in one message: send 1 to {MOST}",
                items.len()
            ));
        }
        let mut known: Vec<Uuid> = ids.iter().flatten().copied().collect();
        let all = known.len();
        known.sort_unstable();
        known.dedup();
        if known.len() < all {
            faults.push("an id stands twice: send each row once");
        }
        let kind = literal::quote(&format!("Microsoft.Dynamics.CRM.{logical_name}"));
        let mut targets = Vec::with_capacity(items.len());
        for item in items {
            faults.extend(item.faults());
            if item.content_refs().next().is_some() {
                faults.push("a row points at an operation of a change set: point at an id");
            }
            let item = item.set_json("@odata.type", literal::raw(kind.clone()));
            targets.push(item.to_json());
        }
        let query = options.query(&mut faults);
        faults.into_result(operation)?;
        let target = format!("{}/Microsoft.Dynamics.CRM.{action}", self.table.set());
        let body = format!("{{\"Targets\":[{}]}}", targets.join(","));
        let target = with_options(target, &query);
        let mut call = Call::new(operation, Method::POST, target, Repeat::IfNotSent)
            .with_body(HeaderValue::from_static("application/json"), body)
            .with_not_after(options.not_after);
        for (name, value) in &options.headers {
            call = call.with_header(name.clone(), value.clone());
        }
        Ok(call)
    }
}
