//! The objects inside a referral.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::{AssistanceRequestCode, CustomerIdType, SolutionType, TargetType, wire::wire_object};

wire_object! {
    /// The customer of a deal. Fixed after creation but for `team`.
    CustomerProfile {
        /// Legal name of the company.
        name: String = "name", with_name;
        /// Its address.
        address: Address = "address", with_address;
        /// Bracket of employees, such as `251to1000employees`.
        size: String = "size", with_size;
        /// People at the customer; at least one where Microsoft's help is wanted.
        team: [Member] = "team", with_team;
        /// Numbers under which the company is registered.
        ids: [CustomerId] = "ids", with_ids;
        /// Has Microsoft matched the customer with an account?
        is_matching_complete: bool = "isMatchingComplete";
    }
}

impl CustomerProfile {
    /// A customer with its name and address.
    pub fn new(name: impl Into<String>, address: Address) -> Self {
        Self::default().with_name(name).with_address(address)
    }
}

wire_object! {
    /// The address of a customer.
    Address {
        /// Street and number.
        address_line1: String = "addressLine1", with_address_line1;
        /// More of the same.
        address_line2: String = "addressLine2", with_address_line2;
        /// Town.
        city: String = "city", with_city;
        /// State or province.
        state: String = "state", with_state;
        /// Postal code.
        postal_code: String = "postalCode", with_postal_code;
        /// Country, two letters (ISO 3166-1 alpha-2).
        country: String = "country", with_country;
        /// Region.
        region: String = "region", with_region;
    }
}

impl Address {
    /// An address in `country` (two letters).
    pub fn new(country: impl Into<String>) -> Self {
        Self::default().with_country(country)
    }
}

wire_object! {
    /// A person on a team of the partner or of the customer.
    Member {
        /// Given name.
        first_name: String = "firstName", with_first_name;
        /// Family name.
        last_name: String = "lastName", with_last_name;
        /// Telephone number.
        phone_number: String = "phoneNumber", with_phone_number;
        /// E-mail address.
        email: String = "email", with_email;
        /// Title.
        title: String = "title", with_title;
    }
}

impl Member {
    /// A person with what the portal asks for.
    pub fn new(
        first_name: impl Into<String>,
        last_name: impl Into<String>,
        phone_number: impl Into<String>,
        email: impl Into<String>,
    ) -> Self {
        Self::default()
            .with_first_name(first_name)
            .with_last_name(last_name)
            .with_phone_number(phone_number)
            .with_email(email)
    }
}

wire_object! {
    /// A number under which a customer is registered.
    CustomerId {
        /// Whose number it is.
        profile_type: CustomerIdType = "profileType", with_profile_type;
        /// The number.
        id: String = "id", with_id;
    }
}

wire_object! {
    /// What the parties have agreed to. All four are stated for a new deal.
    Consent {
        /// Personal data may be shared (the doubled "To" is the service's).
        share_info_with_others: bool =
            "consentToToShareInfoWithOthers", with_share_info_with_others;
        /// Microsoft and partners may make contact.
        contact: bool = "consentToContact", with_contact;
        /// Microsoft may contact the partners that are named.
        microsoft_to_contact_specific_partners: bool =
            "consentToMicrosoftToContactSpecificPartners",
            with_microsoft_to_contact_specific_partners;
        /// Microsoft's sellers may see the deal. Once given it cannot be taken back.
        share_with_microsoft_sellers: bool =
            "consentToShareReferralWithMicrosoftSellers", with_share_with_microsoft_sellers;
    }
}

wire_object! {
    /// The deal itself.
    Details {
        /// Free text; replaced as a whole.
        notes: String = "notes", with_notes;
        /// Value in `currency`. The service sends a number or a number as text.
        deal_value: Decimal = "dealValue", with_deal_value;
        /// Currency, three letters (ISO 4217).
        currency: String = "currency", with_currency;
        /// When the deal is expected to close.
        closing_date_time: DateTime<Utc> = "closingDateTime", with_closing_date_time;
        /// What the customer needs.
        requirements: Requirements = "requirements", with_requirements;
    }
}

wire_object! {
    /// What a customer needs.
    Requirements {
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
    /// `value` under `name`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::default().with_name(name).with_value(value)
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
    }
}

impl Solution {
    /// The solution `id`, which names what `kind` says.
    pub fn new(id: impl Into<String>, kind: SolutionType) -> Self {
        Self::default().with_id(id).with_kind(kind)
    }
}

wire_object! {
    /// How a party was invited. Fixed after the deal was first shared.
    InviteContext {
        /// Notes for the invited party.
        notes: String = "notes", with_notes;
        /// Help wanted from Microsoft.
        assistance_request_code: AssistanceRequestCode =
            "assistanceRequestCode", with_assistance_request_code;
        /// Partner id of the invited partner.
        invited_mpn_id: String = "invitedMpnId", with_invited_mpn_id;
        /// Who invites.
        invited_by: InvitedBy = "invitedBy", with_invited_by;
    }
}

wire_object! {
    /// An organization that invites.
    InvitedBy {
        /// Its id; `msft` for Microsoft.
        organization_id: String = "organizationId", with_organization_id;
        /// Its name.
        organization_name: String = "organizationName", with_organization_name;
    }
}

wire_object! {
    /// Whom or what a referral is addressed to.
    Target {
        /// What `id` names (`type` on the wire).
        target_type: TargetType = "type", with_target_type;
        /// Location, solution, or `msft` for Microsoft.
        id: String = "id", with_id;
    }
}

impl Target {
    /// The target `id` of kind `target_type`.
    pub fn new(target_type: TargetType, id: impl Into<String>) -> Self {
        Self::default().with_target_type(target_type).with_id(id)
    }

    /// Microsoft.
    pub fn microsoft() -> Self {
        Self::new(TargetType::BusinessProfileLocation, "msft")
    }
}

wire_object! {
    /// Ids of the deal in other systems.
    TrackingInfo {
        /// Microsoft's own CRM; filled once Microsoft accepts.
        microsoft_msx_id: String = "microsoftMsxId";
    }
}
