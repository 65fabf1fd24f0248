//! What a customer needs: solutions, products, and attributes as names and values.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::{MarketplaceIntent, SolutionType, wire::wire_object};

wire_object! {
    /// What a customer needs.
    Requirements {
        /// Industries, such as `Manufacturing`; see [`catalog::INDUSTRIES`](crate::catalog).
        industries: [CatalogId] = "industries", with_industries;
        /// Products of Microsoft, such as `Azure`; see [`catalog::PRODUCTS`](crate::catalog).
        products: [CatalogId] = "products", with_products;
        /// Services, such as `Integration`; see [`catalog::SERVICES`](crate::catalog).
        services: [CatalogId] = "services", with_services;
        /// Offers of the marketplace that a lead came from.
        offers: [CatalogId] = "offers", with_offers;
        /// Sales plays.
        sales_plays: [CatalogId] = "salesPlays", with_sales_plays;
        /// Solutions; the service wants at least one on a deal.
        solutions: [Solution] = "solutions", with_solutions;
        /// Further demands as names and values.
        additional_requirements: AdditionalRequirements =
            "additionalRequirements", with_additional_requirements;
    }
}

wire_object! {
    /// Further demands.
    AdditionalRequirements {
        /// Names and values, such as `CustomerMarketplaceIntent` and `HaveNotDecided`.
        attributes: [Attribute] = "attributes", with_attributes;
        /// What devices need; the published samples send it empty.
        iot: Iot = "iot", with_iot;
    }
}

wire_object! {
    /// What a deal about devices needs.
    Iot {
        /// Number of the customer's licence agreement.
        customer_license_agreement_number: String =
            "customerLicenseAgreementNumber", with_customer_license_agreement_number;
        /// Category of the device.
        device_category: String = "deviceCategory", with_device_category;
        /// Type of the silicon.
        silicon_type: String = "siliconType", with_silicon_type;
        /// Is the device certified for Azure?
        azure_certified_device: bool = "azureCertifiedDevice", with_azure_certified_device;
        /// Are services attached?
        attach_services: bool = "attachServices", with_attach_services;
    }
}

wire_object! {
    /// A name with a value.
    Attribute {
        /// The name (`type` on the wire).
        name: String = "type", with_name;
        /// The value (`id` on the wire).
        value: String = "id", with_value;
    }
}

impl Attribute {
    /// Name of the attribute that says whether the customer wants to buy in the marketplace.
    pub const MARKETPLACE_INTENT: &str = "CustomerMarketplaceIntent";
    /// Name of the attribute for the partner's role; services co-sell only. The name is the
    /// documents', its place on the wire unconfirmed, as for the next two.
    pub const PARTNER_ROLE: &str = "PartnerRole";
    /// Name of the attribute for the solution area.
    pub const SOLUTION_AREA: &str = "SolutionArea";
    /// Name of the attribute for the solution play.
    pub const SOLUTION_PLAY: &str = "SolutionPlay";

    /// `value` under `name`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::default().with_name(name).with_value(value)
    }

    /// Whether the customer wants to buy in the marketplace.
    pub fn marketplace_intent(intent: &MarketplaceIntent) -> Self {
        Self::new(Self::MARKETPLACE_INTENT, intent.as_str())
    }
}

wire_object! {
    /// A solution on a deal.
    Solution {
        /// Id, such as `SOL-10482-QRT`, or the name of a category; opaque.
        id: String = "id", with_id;
        /// Display name.
        name: String = "name", with_name;
        /// What `id` names (`type` on the wire).
        kind: SolutionType = "type", with_kind;
        /// Whose solution it is, such as `3P`; not what the documents call "SolutionType", which
        /// is [`kind`](Self::kind).
        solution_type: String = "solutionType", with_solution_type;
        /// Who publishes it.
        publisher_name: String = "publisherName", with_publisher_name;
        /// Price.
        price: Decimal = "price", with_price;
        /// How many.
        quantity: Decimal = "quantity", with_quantity;
        /// Currency of the price, three letters (ISO 4217).
        currency: String = "currency", with_currency;
        /// When this solution is expected to be sold.
        closing_date_time: DateTime<Utc> = "closingDateTime", with_closing_date_time;
    }
}

impl Solution {
    /// The solution `id`, which names what `kind` says.
    pub fn new(id: impl Into<String>, kind: SolutionType) -> Self {
        Self::default().with_id(id).with_kind(kind)
    }
}

impl Requirements {
    /// The value of the attribute `name`, in any spelling of its case; `None` if it is not there,
    /// empty, or cannot be read.
    pub fn attribute(&self, name: &str) -> Option<String> {
        let attributes = self.additional_requirements().ok()??.attributes().ok()?;
        attributes
            .iter()
            .filter(|attribute| {
                matches!(attribute.name(), Ok(Some(known)) if known.eq_ignore_ascii_case(name))
            })
            .find_map(|attribute| attribute.value().ok().flatten())
    }

    /// Sets the attribute `attribute` names, and keeps the others.
    #[must_use]
    pub fn with_attribute(self, attribute: &Attribute) -> Self {
        let additional = self.additional_requirements().ok().flatten();
        let additional = additional.unwrap_or_default();
        let name = attribute.name().ok().flatten().unwrap_or_default();
        let mut attributes = additional.attributes().unwrap_or_default();
        attributes.retain(
            |other| !matches!(other.name(), Ok(Some(known)) if known.eq_ignore_ascii_case(&name)),
        );
        attributes.push(attribute.clone());
        self.with_additional_requirements(additional.with_attributes(&attributes))
    }
}

wire_object! {
    /// An entry of one of the service's catalogues.
    CatalogId {
        /// The entry; matched exactly, blanks and commas included.
        id: String = "id", with_id;
    }
}

impl CatalogId {
    /// The entry `id`.
    pub fn new(id: impl Into<String>) -> Self {
        Self::default().with_id(id)
    }
}
