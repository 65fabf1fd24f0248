//! Tables beside a deal: products, price lists, units, competitors, teams.

use super::super::schema::{Column, Kind, Table};
use super::{TRILLION, active, in_currency, money};

pub(super) fn tables() -> Vec<Table> {
    vec![
        product(),
        price_list(),
        unit(),
        unit_group(),
        competitor(),
        team(),
    ]
}

fn product() -> Table {
    let columns = [
        Column::text("name", 100).required(),
        Column::text("productnumber", 100),
        Column::text("description", 2000),
        Column::integer("quantitydecimal", 0, 5),
        money("price", 0, TRILLION),
        Column::lookup("defaultuomid", "uom", "defaultuomid"),
        Column::lookup(
            "defaultuomscheduleid",
            "uomschedule",
            "defaultuomscheduleid",
        ),
        Column::lookup("pricelevelid", "pricelevel", "pricelevelid"),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(
        ["product", "products", "productid", "name"],
        columns.into_iter().chain(active()).chain(in_currency()),
    )
}

fn price_list() -> Table {
    let columns = [
        Column::text("name", 100).required(),
        Column::date("begindate"),
        Column::date("enddate"),
        Column::text("description", 2000),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(
        ["pricelevel", "pricelevels", "pricelevelid", "name"],
        columns.into_iter().chain(active()).chain(in_currency()),
    )
}

fn unit() -> Table {
    let columns = [
        Column::text("name", 100).required(),
        Column::lookup("uomscheduleid", "uomschedule", "uomscheduleid"),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(["uom", "uoms", "uomid", "name"], columns)
}

fn unit_group() -> Table {
    let columns = [
        Column::text("name", 200).required(),
        Column::text("baseuomname", 100),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(
        ["uomschedule", "uomschedules", "uomscheduleid", "name"],
        columns,
    )
}

fn competitor() -> Table {
    let columns = [
        Column::text("name", 100).required(),
        Column::text("websiteurl", 200),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(
        ["competitor", "competitors", "competitorid", "name"],
        columns.into_iter().chain(in_currency()),
    )
}

fn team() -> Table {
    let columns = [
        Column::text("name", 160).required(),
        Column::text("description", 2000),
        Column::lookup("businessunitid", "businessunit", "businessunitid"),
        Column::new("versionnumber", Kind::BigInt).read_only(),
    ];
    Table::new(["team", "teams", "teamid", "name"], columns)
}
