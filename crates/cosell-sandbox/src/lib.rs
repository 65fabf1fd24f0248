//! cosell-sandbox
