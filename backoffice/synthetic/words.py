"""The words that synthetic rows are made of. All ASCII, so that every console shows them."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CATEGORIES = {
    "Kitchen": (
        *("Kettle", "Saucepan", "Colander", "Whisk", "Ladle", "Grater", "Skillet"),
        *("Teapot", "Cutting Board", "Bread Bin", "Spice Rack", "Pepper Mill"),
    ),
    "Dining": (
        *("Dinner Plate", "Soup Bowl", "Water Glass", "Wine Glass", "Serving Tray", "Carafe"),
        *("Salad Bowl", "Butter Dish", "Napkin Ring", "Place Mat", "Egg Cup", "Cake Stand"),
    ),
    "Furniture": (
        *("Bookshelf", "Side Table", "Armchair", "Bench", "Stool", "Wardrobe", "Desk"),
        *("Sideboard", "Coat Rack", "Bed Frame", "Shoe Cabinet", "Nightstand"),
    ),
    "Lighting": (
        *("Desk Lamp", "Floor Lamp", "Pendant Lamp", "Wall Light", "Lantern", "Spotlight"),
        *("Ceiling Light", "Night Light", "String Lights", "Lampshade", "Candlestick", "Torch"),
    ),
    "Garden": (
        *("Watering Can", "Planter", "Rake", "Spade", "Hedge Shears", "Bird Feeder", "Trowel"),
        *("Garden Hose", "Parasol", "Compost Bin", "Wheelbarrow", "Fire Bowl"),
    ),
    "Office": (
        *("Stapler", "Notebook", "Letter Tray", "Pen Holder", "File Box", "Desk Pad"),
        *("Whiteboard", "Wall Clock", "Bookend", "Label Printer", "Hole Punch", "Clipboard"),
    ),
    "Tools": (
        *("Hammer", "Screwdriver", "Hand Saw", "Pliers", "Spirit Level", "Tape Measure"),
        *("Wrench", "Chisel", "Toolbox", "Workbench", "Clamp", "File Set"),
    ),
    "Bathroom": (
        *("Towel Rail", "Soap Dish", "Bath Mat", "Mirror", "Shower Head", "Laundry Basket"),
        *("Toothbrush Cup", "Towel Set", "Bathrobe", "Shelf", "Waste Bin", "Tumbler"),
    ),
    "Textiles": (
        *("Cushion", "Blanket", "Curtain", "Rug", "Tablecloth", "Bed Linen", "Apron"),
        *("Throw", "Duvet", "Pillow", "Doormat", "Tea Towel"),
    ),
    "Storage": (
        *("Basket", "Crate", "Storage Box", "Jar", "Trunk", "Drawer Insert", "Hanger Set"),
        *("Wall Hook", "Umbrella Stand", "Canister", "Tin", "Shelf Bracket"),
    ),
    "Outdoor": (
        *("Backpack", "Tent", "Camping Stove", "Thermos", "Hammock", "Cool Box", "Lunch Box"),
        *("Picnic Set", "Sleeping Mat", "Folding Chair", "Headlamp", "Water Bottle"),
    ),
    "Electronics": (
        *("Radio", "Speaker", "Toaster", "Coffee Grinder", "Fan", "Heater", "Alarm Clock"),
        *("Hand Mixer", "Power Strip", "Charger", "Scale", "Thermometer"),
    ),
}
"""Category -> its twelve kinds of product."""

KINDS = tuple(kind for kinds in CATEGORIES.values() for kind in kinds)
KINDS_A_CATEGORY = len(KINDS) // len(CATEGORIES)

FINISHES = _words(
    "Compact Foldable Brushed Matte Polished Handmade Insulated Stackable Lightweight Heavy "
    "Narrow Wide Round Square Classic Modern Rustic Slim Extendable Portable Silent Curved "
    "Ribbed Woven Painted Large Small Tall Low Deep"
)
MATERIALS = _words(
    "Oak Beech Walnut Bamboo Steel Copper Brass Aluminium Glass Ceramic Porcelain Stoneware "
    "Linen Cotton Wool Felt Leather Cork Rattan Marble Slate Enamel Silicone Acrylic"
)
SERIES = _words(
    "Alba Arden Aria Bergen Birka Calla Corvo Dala Elba Enso Fjord Gala Halden Iris Juno Kiruna "
    "Lago Lumen Mira Nord Odin Orla Pico Quadra Rho Sava Sola Tarn Terra Uma Vega Vesta Wren "
    "Xanta Ylva Zeno Aspen Brio Cedar Delta"
)

NOTES = (
    "Wipe clean with a damp cloth.",
    "Spare parts are kept for ten years.",
    "Packed in recycled cardboard.",
    "Ships flat, tools included.",
    "Made in small batches; shades vary.",
    "Suitable for indoor and outdoor use.",
    "Two years of guarantee.",
)

FIRST_NAMES = _words(
    "Anna Ben Carla David Elena Felix Greta Hugo Ines Jonas Karin Lukas Maria Nils Olga Pedro "
    "Rosa Stefan Tara Viktor Amira Bruno Chloe Dario Emma Farid Giulia Henrik Ivana Jack Kofi "
    "Lena Mateo Nora Omar Paula Rafael Sofia Tomas Yuki"
)
SURNAMES = _words(
    "Adler Baker Costa Dubois Eriksen Fischer Garcia Hansen Ivanov Jensen Keller Larsen Moreau "
    "Novak Olsen Peeters Quinn Rossi Silva Taylor Urban Vidal Weber Yilmaz Zimmer Andersson "
    "Bianchi Carter Dvorak Evans Ferrari Gruber Horvat Jansen Kowalski Lopez Meyer Nilsson "
    "Petrov Romero Schmidt Torres Virtanen Walker Santos Lindberg Martin Nowak Brandt Clarke"
)
TRADES = _words(
    "Trading Wholesale Homeware Supplies Imports Manufacturing Interiors Goods Living Works "
    "Design Depot Brothers Partners Studio Industries"
)
FORMS = ("Ltd", "GmbH", "AB", "BV", "SA", "Inc", "AS", "Srl")

STREETS = _words(
    "Mill Station Church Harbour Market Park Garden Castle Bridge Forest River School Factory "
    "Orchard Meadow Lake Victoria Linden Hill Tower"
)

# City, region, first digits of its postal codes, country.
PLACES = (
    *(("Berlin", "Berlin", "10", "Germany"), ("Hamburg", "Hamburg", "20", "Germany")),
    *(("Munich", "Bavaria", "80", "Germany"), ("Cologne", "North Rhine", "50", "Germany")),
    *(("Leipzig", "Saxony", "04", "Germany"), ("Vienna", "Vienna", "10", "Austria")),
    *(("Graz", "Styria", "80", "Austria"), ("Zurich", "Zurich", "80", "Switzerland")),
    *(("Paris", "Ile-de-France", "75", "France"), ("Lyon", "Rhone", "69", "France")),
    *(("Lille", "Nord", "59", "France"), ("Nantes", "Loire", "44", "France")),
    *(("Madrid", "Madrid", "28", "Spain"), ("Valencia", "Valencia", "46", "Spain")),
    *(("Lisbon", "Lisbon", "11", "Portugal"), ("Porto", "Porto", "40", "Portugal")),
    *(("Milan", "Lombardy", "20", "Italy"), ("Turin", "Piedmont", "10", "Italy")),
    *(("Bologna", "Emilia", "40", "Italy"), ("Utrecht", "Utrecht", "35", "Netherlands")),
    *(("Rotterdam", "Holland", "30", "Netherlands"), ("Ghent", "Flanders", "90", "Belgium")),
    *(("Antwerp", "Flanders", "20", "Belgium"), ("Oslo", "Oslo", "01", "Norway")),
    *(("Bergen", "Vestland", "50", "Norway"), ("Stockholm", "Stockholm", "11", "Sweden")),
    *(("Malmo", "Skane", "21", "Sweden"), ("Copenhagen", "Zealand", "11", "Denmark")),
    *(("Aarhus", "Jutland", "80", "Denmark"), ("Helsinki", "Uusimaa", "00", "Finland")),
    *(("Tampere", "Pirkanmaa", "33", "Finland"), ("Warsaw", "Masovia", "00", "Poland")),
    *(("Krakow", "Lesser Poland", "30", "Poland"), ("Prague", "Prague", "11", "Czechia")),
    *(("Brno", "Moravia", "60", "Czechia"), ("London", "England", "EC", "United Kingdom")),
    *(("Leeds", "England", "LS", "United Kingdom"), ("Dublin", "Leinster", "D0", "Ireland")),
    *(
        ("Boston", "Massachusetts", "02", "United States"),
        ("Denver", "Colorado", "80", "United States"),
    ),
)
