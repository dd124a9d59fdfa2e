//! Every feed of the test material.
