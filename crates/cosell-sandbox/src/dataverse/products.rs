//! Totals of a deal from its products.

use std::sync::Arc;

use rust_decimal::Decimal;
use uuid::Uuid;

use super::Dataverse;
use super::cell::Cell;
use super::pipeline::Actor;
use super::refusal::Refusal;
use super::rules::{self, OPPORTUNITY};
use super::schema::Table;
use super::store::{Cells, Row};

impl Dataverse {
    /// Adds up the deals that a product line belonged and belongs to, once the line is stored.
    pub(super) fn total_products(
        &mut self,
        actor: &Actor,
        table: &Table,
        before: Option<&Row>,
        id: Option<Uuid>,
    ) -> Result<(), Refusal> {
        if &*table.name != "opportunityproduct" {
            return Ok(());
        }
        let deal = |row: &Row| {
            let cell = row.get("opportunityid")?;
            cell.as_ref().map(|(_, id)| id)
        };
        let after = id.and_then(|id| self.store.row(&table.name, id)).cloned();
        let mut deals: Vec<Uuid> = before.and_then(deal).into_iter().collect();
        deals.extend(after.as_deref().and_then(deal));
        deals.dedup();
        for deal in deals {
            self.add_up(actor, deal)?;
        }
        Ok(())
    }

    fn add_up(&mut self, actor: &Actor, deal: Uuid) -> Result<(), Refusal> {
        let Some(deals) = self.schema.table(OPPORTUNITY).cloned() else {
            return Ok(());
        };
        let Some(row) = self.store.row(OPPORTUNITY, deal).cloned() else {
            return Ok(());
        };
        let number = |row: &Row, column: &str| {
            row.get(column)
                .and_then(Cell::as_decimal)
                .unwrap_or(Decimal::ZERO)
        };
        let target = Cell::Ref(Arc::from(OPPORTUNITY), deal);
        let (mut items, mut discounts, mut tax) = (Decimal::ZERO, Decimal::ZERO, Decimal::ZERO);
        for line in self.store.rows("opportunityproduct").iter() {
            if line.get("opportunityid") == Some(&target) {
                items += number(line, "priceperunit") * number(line, "quantity");
                discounts += number(line, "manualdiscountamount");
                tax += number(line, "tax");
            }
        }
        let net = items - discounts;
        let discount = number(&row, "discountamount")
            + net * number(&row, "discountpercentage") / Decimal::ONE_HUNDRED;
        let before_freight = net - discount;
        let mut changes = Cells::new();
        for (name, amount) in [
            ("totallineitemamount", net),
            ("totallineitemdiscountamount", discounts),
            ("totaldiscountamount", discount),
            ("totalamountlessfreight", before_freight),
            ("totaltax", tax),
            (
                "totalamount",
                before_freight + number(&row, "freightamount") + tax,
            ),
        ] {
            rules::set(&mut changes, name, Cell::Decimal(amount));
        }
        self.apply(actor, &deals, &row, &changes)
    }
}
