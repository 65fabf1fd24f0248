//! Totals from products, and what follows from them.

use super::{Options, Value, with_deal};

#[test]
fn a_deal_adds_up_its_products_and_takes_its_revenue_from_them_when_told() {
    let mut sandbox = with_deal(Options::default());
    let deal = super::deal();
    let line = |quantity: &str, price: &str| {
        format!(
            r#"{{"opportunityid@odata.bind":"/{deal}","productdescription":"P","quantity":{quantity},
            "priceperunit":{price},"manualdiscountamount":1,"tax":0.5}}"#
        )
    };
    let first = sandbox.made("opportunityproducts", &line("2", "10.25"));
    sandbox.made("opportunityproducts", &line("1", "4"));
    let read = |sandbox: &mut super::Sandbox| -> Vec<Value> {
        let row = sandbox.get(&deal).json();
        [
            "totallineitemamount",
            "totaltax",
            "totalamount",
            "estimatedvalue",
        ]
        .map(|name| row[name].clone())
        .to_vec()
    };
    assert_eq!(
        read(&mut sandbox),
        [22.5, 1.0, 23.5, 125_000.0].map(Value::from)
    );
    let line = sandbox.get(&format!("opportunityproducts({first})")).json();
    assert_eq!(line["extendedamount"], 20.0);
    sandbox
        .patch(
            &deal,
            r#"{"isrevenuesystemcalculated":true,"estimatedvalue":7}"#,
        )
        .expect(204);
    assert_eq!(read(&mut sandbox)[3], 23.5);
    let gone = format!("opportunityproducts({first})");
    sandbox.call("DELETE", &gone, &[], "").expect(204);
    assert_eq!(read(&mut sandbox), [3.0, 0.5, 3.5, 3.5].map(Value::from));
}

#[test]
fn the_actual_value_of_a_deal_is_told_under_the_name_that_is_set() {
    for name in ["Value", "ActualValue"] {
        let options = Options::default().with_actual_value_member(name.to_owned());
        let mut sandbox = with_deal(options);
        let close = format!(
            r#"{{"Status":-1,"OpportunityClose":{{"opportunityid@odata.bind":"/{}","actualrevenue":8.5}}}}"#,
            super::deal()
        );
        sandbox.post("WinOpportunity", &close).expect(204);
        let action = format!(
            "{}/Microsoft.Dynamics.CRM.CalculateActualValueOpportunity",
            super::deal()
        );
        assert_eq!(sandbox.post(&action, "{}").expect(200).json()[name], 8.5);
    }
}
