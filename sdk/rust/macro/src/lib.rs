//! The attribute of the Millstream SDK.
//!
//! It leaves the function as it is, so that tests can call it, and adds the component's export for
//! WebAssembly. What a handler may look like is the SDK's trait to decide, not this crate's.

use proc_macro::TokenStream;
use quote::quote;
use syn::{ItemFn, parse::Nothing, parse_macro_input};

/// Makes a function the handler of a component.
///
/// `fn(Record<'_>, &mut Context) -> Result<(), Error>` is called for each record,
/// `fn(Batch, &mut Context) -> Result<(), Error>` once for a batch.
/// A component has one handler.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let _: Nothing = parse_macro_input!(arguments as Nothing);
    let function = parse_macro_input!(item as ItemFn);
    expand(&function).into()
}

fn expand(function: &ItemFn) -> proc_macro2::TokenStream {
    let name = &function.sig.ident;
    quote! {
        #function

        // Checked natively too, so that a wrong signature shows in `cargo check`.
        const _: () = {
            fn is_handler<M>(_: impl ::millstream_sdk::Handler<M>) {}
            fn check() {
                is_handler(#name);
            }
            let _ = check;
        };

        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Component;
            impl ::millstream_sdk::component::Guest for Component {
                fn handle(
                    batch: ::millstream_sdk::component::Batch,
                ) -> ::core::result::Result<
                    ::millstream_sdk::component::Response,
                    ::std::string::String,
                > {
                    ::millstream_sdk::component::call(&#name, batch)
                }
            }
            ::millstream_sdk::component::export!(
                Component with_types_in ::millstream_sdk::component
            );
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_stays_as_it_was_written() {
        let function: ItemFn = syn::parse_quote! {
            /// Why.
            pub(crate) fn pass(record: Record<'_>, cx: &mut Context) -> Result<(), Error> {
                cx.emit("out", record.key(), record.data())
            }
        };
        let expanded: syn::File = syn::parse2(expand(&function)).unwrap();
        let [
            syn::Item::Fn(kept),
            syn::Item::Const(_),
            syn::Item::Const(_),
        ] = &expanded.items[..]
        else {
            panic!("a function and two constants");
        };
        assert_eq!(quote!(#kept).to_string(), quote!(#function).to_string());
    }
}
