//! What an operator or embedder may set; every field bounded and checked.
