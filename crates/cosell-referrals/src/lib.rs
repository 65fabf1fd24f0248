//! cosell-referrals
