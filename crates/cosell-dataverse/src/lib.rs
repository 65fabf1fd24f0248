//! cosell-dataverse
