//! Exact duplicates at scale: hark's operator, the plain join, and a hash set as the bound.
//!
//! Prints a Markdown table. `HARK_DEDUPE_RECORDS=20000,100000` makes a short run of it; the default
//! sizes are 1 and 10 million.

mod engine;
mod material;
mod measure;
mod memory;

use engine::Engine;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let figures = match args[1].as_str() {
        "set" => measure::set(args[3].parse().expect("records")),
        name => {
            let (engine, _) = Engine::NAMES.into_iter().find(|(_, known)| *known == name).expect("an engine");
            measure::engine(engine, args[2].parse().expect("workers"), args[3].parse().expect("records"))
        }
    };
    for (name, figure) in figures {
        println!("{name}\t{figure:.1}");
    }
}
