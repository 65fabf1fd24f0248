//! Tables of the platform: labels, jobs, and the registration of events.

use super::super::cell::Cell;
use super::super::schema::{Column, Kind, Table};
use super::active;

pub(super) fn tables() -> Vec<Table> {
    vec![
        string_map(),
        job(),
        endpoint(),
        message(),
        message_filter(),
        step(),
        step_image(),
    ]
}

fn version() -> Column {
    Column::new("versionnumber", Kind::BigInt).read_only()
}

fn string_map() -> Table {
    let columns = [
        Column::text("objecttypecode", 100),
        Column::text("attributename", 100),
        Column::integer("attributevalue", i32::MIN, i32::MAX),
        Column::text("value", 4000),
        Column::integer("langid", 0, i32::MAX),
        Column::integer("displayorder", 0, i32::MAX),
        version(),
    ];
    Table::new(
        ["stringmap", "stringmaps", "stringmapid", "value"],
        columns.map(Column::read_only),
    )
}

fn job() -> Table {
    let columns = [
        Column::text("name", 256),
        Column::text("message", 1_048_576),
        Column::text("friendlymessage", 1_048_576),
        Column::choice(
            "statecode",
            &[
                (0, "Ready"),
                (1, "Suspended"),
                (2, "Locked"),
                (3, "Completed"),
            ],
        ),
        Column::choice(
            "statuscode",
            &[
                (0, "Waiting For Resources"),
                (10, "Waiting"),
                (20, "In Progress"),
                (30, "Succeeded"),
                (31, "Failed"),
                (32, "Canceled"),
            ],
        ),
        Column::lookup(
            "owningextensionid",
            "sdkmessageprocessingstep",
            "owningextensionid",
        ),
        Column::lookup(
            "regardingobjectid",
            "opportunity",
            "regardingobjectid_opportunity",
        ),
        Column::instant("createdon").read_only(),
        Column::instant("completedon").read_only(),
        version(),
    ];
    Table::new(
        [
            "asyncoperation",
            "asyncoperations",
            "asyncoperationid",
            "name",
        ],
        columns,
    )
}

fn endpoint() -> Table {
    let columns = [
        Column::text("name", 160).required(),
        Column::text("url", 2000),
        Column::choice(
            "contract",
            &[
                (1, "OneWay"),
                (2, "Queue"),
                (3, "Rest"),
                (4, "TwoWay"),
                (5, "Topic"),
                (6, "Queue (Persistent)"),
                (7, "Event Hub"),
                (8, "Webhook"),
                (9, "Event Grid"),
                (10, "Managed Data Lake"),
            ],
        )
        .required(),
        Column::choice(
            "authtype",
            &[
                (1, "ACS"),
                (2, "SAS Key"),
                (3, "SAS Token"),
                (4, "Webhook Key"),
                (5, "Http Header"),
                (6, "Http Query String"),
                (7, "Connection String"),
                (8, "Access Key"),
            ],
        ),
        Column::text("authvalue", 2048).secret(),
        Column::choice("connectionmode", &[(1, "Normal"), (2, "Federated")])
            .starting_at(Cell::Int(1)),
        Column::choice(
            "messageformat",
            &[(1, "Binary XML"), (2, "Json"), (3, "Text XML")],
        )
        .starting_at(Cell::Int(2)),
        Column::choice("userclaim", &[(1, "None"), (2, "UserId"), (3, "UserInfo")])
            .starting_at(Cell::Int(1)),
        version(),
    ];
    Table::new(
        [
            "serviceendpoint",
            "serviceendpoints",
            "serviceendpointid",
            "name",
        ],
        columns,
    )
}

fn message() -> Table {
    Table::new(
        ["sdkmessage", "sdkmessages", "sdkmessageid", "name"],
        [Column::text("name", 256), version()].map(Column::read_only),
    )
}

fn message_filter() -> Table {
    let columns = [
        Column::text("name", 256),
        Column::text("primaryobjecttypecode", 128),
        Column::lookup("sdkmessageid", "sdkmessage", "sdkmessageid"),
        Column::boolean("iscustomprocessingstepallowed"),
        version(),
    ];
    Table::new(
        [
            "sdkmessagefilter",
            "sdkmessagefilters",
            "sdkmessagefilterid",
            "name",
        ],
        columns.map(Column::read_only),
    )
}

fn step() -> Table {
    let columns = [
        Column::text("name", 256).required(),
        Column::text("description", 256),
        Column::choice("mode", &[(0, "Synchronous"), (1, "Asynchronous")]).required(),
        Column::choice(
            "stage",
            &[
                (10, "Pre-validation"),
                (20, "Pre-operation"),
                (30, "Main Operation"),
                (40, "Post-operation"),
            ],
        )
        .required(),
        Column::integer("rank", 1, i32::MAX).starting_at(Cell::Int(1)),
        Column::choice(
            "supporteddeployment",
            &[(0, "Server Only"), (1, "Outlook Only"), (2, "Both")],
        )
        .starting_at(Cell::Int(0)),
        Column::boolean("asyncautodelete"),
        Column::text("filteringattributes", 100_000),
        Column::text("configuration", 1_073_741_823),
        Column::lookup(
            "eventhandler",
            "serviceendpoint",
            "eventhandler_serviceendpoint",
        )
        .required(),
        Column::lookup("sdkmessageid", "sdkmessage", "sdkmessageid").required(),
        Column::lookup(
            "sdkmessagefilterid",
            "sdkmessagefilter",
            "sdkmessagefilterid",
        ),
        Column::lookup("impersonatinguserid", "systemuser", "impersonatinguserid"),
        version(),
    ];
    Table::new(
        [
            "sdkmessageprocessingstep",
            "sdkmessageprocessingsteps",
            "sdkmessageprocessingstepid",
            "name",
        ],
        columns.into_iter().chain(active()),
    )
}

fn step_image() -> Table {
    let columns = [
        Column::text("name", 256).required(),
        Column::text("entityalias", 256).required(),
        Column::choice(
            "imagetype",
            &[(0, "PreImage"), (1, "PostImage"), (2, "Both")],
        )
        .required(),
        Column::text("messagepropertyname", 256).required(),
        Column::text("attributes", 100_000),
        Column::lookup(
            "sdkmessageprocessingstepid",
            "sdkmessageprocessingstep",
            "sdkmessageprocessingstepid",
        )
        .required(),
        version(),
    ];
    Table::new(
        [
            "sdkmessageprocessingstepimage",
            "sdkmessageprocessingstepimages",
            "sdkmessageprocessingstepimageid",
            "name",
        ],
        columns,
    )
}
