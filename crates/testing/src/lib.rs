//! A test kit for Portcullis and its users: key mint, fake issuer with an outage switch, test clock, contract probe.
