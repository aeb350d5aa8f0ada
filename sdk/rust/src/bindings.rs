//! What `wit-bindgen` generates for the world `handler`, and nothing of ours.
#![expect(missing_docs, reason = "generated code")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "handler",
    pub_export_macro: true,
    default_bindings_module: "millstream_sdk::component",
    runtime_path: "::millstream_sdk::component::wit_bindgen::rt",
});
