//! Both services, the real clients and the engine, in one process and on a clock moved by hand.

mod budget;
mod conformance;
mod connector;
mod crm_to_referral;
mod full;
mod help;
mod leads;
mod mapping;
mod receiver;
mod referral_to_crm;
mod states;
mod trouble;
mod versions;
mod work;
mod world;
