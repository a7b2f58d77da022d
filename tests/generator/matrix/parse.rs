//! Reads the modules of generated Rust below a folder by a parser of the language, and prints what each
//! says of signatures: the client's folder, then the name, inputs, outputs and features in hex.

use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Expr, ExprStruct, ItemStatic, Lit, Member};

struct Printer {
    client: String,
}

impl<'a> Visit<'a> for Printer {
    fn visit_item_static(&mut self, item: &'a ItemStatic) {
        if let Expr::Struct(signature) = &*item.expr {
            let name = texts(field(signature, "name"));
            let lists = ["inputs", "outputs", "features"].map(|list| names(field(signature, list)));
            println!("{}\t{}\t{}", self.client, name.join(" "), lists.join("\t"));
        }
        visit::visit_item_static(self, item);
    }
}

fn field<'a>(of: &'a ExprStruct, name: &str) -> &'a Expr {
    let is_it = |member: &Member| matches!(member, Member::Named(ident) if ident == name);
    let found = of.fields.iter().find(|field| is_it(&field.member));
    &found.unwrap_or_else(|| panic!("no {name}")).expr
}

/// The names of the structs in a list.
fn names(list: &Expr) -> String {
    struct Names(Vec<String>);

    impl<'a> Visit<'a> for Names {
        fn visit_expr_struct(&mut self, of: &'a ExprStruct) {
            self.0.extend(texts(field(of, "name")));
        }
    }

    let mut found = Names(Vec::new());
    found.visit_expr(list);
    found.0.join(" ")
}

/// The strings in an expression, each in hex after an x.
fn texts(of: &Expr) -> Vec<String> {
    struct Texts(Vec<String>);

    impl<'a> Visit<'a> for Texts {
        fn visit_lit(&mut self, lit: &'a Lit) {
            if let Lit::Str(text) = lit {
                let hex: String = text.value().bytes().map(|b| format!("{b:02x}")).collect();
                self.0.push(format!("x{hex}"));
            }
        }
    }

    let mut found = Texts(Vec::new());
    found.visit_expr(of);
    found.0
}

fn main() {
    let root = std::env::args().nth(1).expect("a folder");
    for client in std::fs::read_dir(root).expect("a folder") {
        let client = client.expect("a client");
        for file in std::fs::read_dir(client.path()).expect("files") {
            read(
                &client.file_name().to_string_lossy(),
                &file.expect("a file").path(),
            );
        }
    }
}

fn read(client: &str, path: &Path) {
    let text = std::fs::read_to_string(path).expect("text");
    let file = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let client = client.to_owned();
    Printer { client }.visit_file(&file);
}
