//! One column of a row, and the links between rows.

use cosell_http::{Call, Error, Repeat, decode_json};
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Columns, Condition, Literal, Op, Rows, Table, input::Faults, literal};

#[derive(Deserialize)]
struct Property {
    value: Box<RawValue>,
}

impl Op {
    /// Sets one column of the row `id`; a null clears it. `condition` may be `None`, `MustExist`
    /// or a version: the row is never made.
    pub fn set_property(
        table: &Table,
        id: Uuid,
        column: &str,
        value: impl Into<Literal>,
        condition: &Condition,
    ) -> Self {
        let value = value.into();
        let clears = value == Literal::Null;
        let mut op = Self::update(table, id, Columns::new(), condition);
        op.faults.check_name("column", column);
        if *condition == Condition::MustNotExist {
            op.faults
                .push("a column of a missing row cannot be set: use another condition");
        }
        op.operation = "dataverse.set_property";
        op.creates = Some(false);
        op.target = format!("{}/{column}", op.target);
        if clears {
            op.method = Method::DELETE;
            op.body = crate::op::Body::None;
        } else {
            op.method = Method::PUT;
            op.body = crate::op::Body::Entry(Columns::new().set("value", value));
        }
        op
    }
}

impl Rows {
    /// Reads one column of the row `id`, as JSON; `None` when it is null.
    ///
    /// # Errors
    /// [`Error`]; kind `NotFound` when the row is missing.
    pub async fn property(&self, id: Uuid, column: &str) -> Result<Option<Box<RawValue>>, Error> {
        let operation = "dataverse.property";
        let target = self.below(operation, id, &[("column", column)], column)?;
        let call = Call::new(operation, Method::GET, target, Repeat::Safe);
        let answer = self.client.raw(call).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let property: Property = decode_json(operation, &answer)?;
        Ok(Some(property.value).filter(|value| value.get() != "null"))
    }

    /// Points the lookup with the navigation name `navigation` of the row `id` at the row `to` of
    /// `table`.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn set_reference(
        &self,
        id: Uuid,
        navigation: &str,
        table: &Table,
        to: Uuid,
    ) -> Result<(), Error> {
        self.link(
            "dataverse.set_reference",
            Method::PUT,
            id,
            navigation,
            (table, to),
        )
        .await
    }

    /// Adds the row `to` of `table` to the collection with the navigation name `navigation` of the
    /// row `id`.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn associate(
        &self,
        id: Uuid,
        navigation: &str,
        table: &Table,
        to: Uuid,
    ) -> Result<(), Error> {
        self.link(
            "dataverse.associate",
            Method::POST,
            id,
            navigation,
            (table, to),
        )
        .await
    }

    /// Removes the row `from` out of the collection with the navigation name `navigation` of the
    /// row `id`; without `from`, clears the lookup of that name.
    ///
    /// # Errors
    /// [`Error`]
    pub async fn disassociate(
        &self,
        id: Uuid,
        navigation: &str,
        from: Option<Uuid>,
    ) -> Result<(), Error> {
        let operation = "dataverse.disassociate";
        let row = from.map(|from| format!("({from})")).unwrap_or_default();
        let tail = format!("{navigation}{row}/$ref");
        let target = self.below(operation, id, &[("navigation", navigation)], &tail)?;
        let call = Call::new(operation, Method::DELETE, target, Repeat::IfNotSent);
        self.client.raw(call).await?;
        Ok(())
    }

    async fn link(
        &self,
        operation: &'static str,
        method: Method,
        id: Uuid,
        navigation: &str,
        (table, to): (&Table, Uuid),
    ) -> Result<(), Error> {
        let names = [("navigation", navigation), ("set", table.set())];
        let target = self.below(operation, id, &names, &format!("{navigation}/$ref"))?;
        let link = format!("{}{}", self.client.http().base(), table.row_target(to));
        let body = format!("{{\"@odata.id\":{}}}", literal::quote(&link));
        let call = Call::new(operation, method, target, Repeat::IfNotSent)
            .with_body(HeaderValue::from_static("application/json"), body);
        self.client.raw(call).await?;
        Ok(())
    }

    fn below(
        &self,
        operation: &'static str,
        id: Uuid,
        names: &[(&str, &str)],
        tail: &str,
    ) -> Result<String, Error> {
        let mut faults = Faults::default();
        self.table.check(&mut faults);
        for (what, name) in names {
            faults.check_name(what, name);
        }
        faults.into_result(operation)?;
        Ok(format!("{}/{tail}", self.table.row_target(id)))
    }
}
