//! Every row of the tables.
