//! The head of a request for a topic.

#![no_main]

ringwire_fuzz::target!(topic_request);
