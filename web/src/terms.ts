// Terms that fields suggest, with the address of each in its vocabulary; other words do as well.

import type { Term } from "./api";

/** CGI Simple Lithology, whose addresses are the labels but for those in ODD. */
const LITHOLOGIES = `
rock; breccia; duricrust; bauxite; residual material; impact generated material; fault related material;
cataclasite series; breccia gouge series; mylonitic rock; phyllonite;
igneous rock; acidic igneous rock; intermediate composition igneous rock; basic igneous rock; ultramafic igneous rock;
alkali feldspar granite; granite; monzogranite; syenogranite; granodiorite; tonalite; granitoid; aplite; pegmatite;
diorite; quartz diorite; monzodiorite; quartz monzodiorite; monzonite; quartz monzonite; syenite; quartz syenite;
gabbro; quartz gabbro; monzogabbro; gabbroic rock; doleritic rock; anorthosite; foid syenite; foid gabbro; foidolite;
hornblendite; peridotite; pyroxenite; carbonatite; porphyry; hypabyssal intrusive rock;
rhyolite; alkali feldspar rhyolite; dacite; andesite; boninite; latite; quartz latite; trachyte; quartz trachyte;
basalt; alkali olivine basalt; tholeiitic basalt; basanite; tephrite; phonolite; foidite; komatiitic rock;
pyroclastic rock; ash tuff lapillistone and lapilli tuff; tuff breccia agglomerate or pyroclastic breccia; tuffite;
glassy igneous rock; tephra;
metamorphic rock; foliated metamorphic rock; slate; phyllite; schist; mica schist; gneiss; orthogneiss; paragneiss;
amphibolite; chlorite actinolite epidote metamorphic rock; glaucophane lawsonite epidote metamorphic rock; eclogite;
granofels; hornfels; granulite; marble; migmatite; quartzite; serpentinite; metasomatic rock; skarn; spilite;
sedimentary rock; clastic sedimentary rock; conglomerate; sandstone; arenite; wacke; mudstone; siltstone; claystone;
shale; diamictite; generic conglomerate; generic sandstone; generic mudstone; hybrid sedimentary rock;
carbonate sedimentary rock; limestone; impure limestone; chalk; travertine; dolomite; impure dolomite; boundstone;
framestone; grainstone; packstone; carbonate wackestone; carbonate mudstone; crystalline carbonate;
chemical sedimentary material; evaporite; rock salt; phosphorite;
iron rich sedimentary rock; non clastic siliceous sedimentary rock; biogenic silica sedimentary rock;
organic rich sedimentary rock; coal; anthracite coal; bituminous coal; lignite; peat;
sediment; clastic sediment; gravel; sand; silt; clay; mud; diamicton; carbonate sediment; anthropogenic material`;

const ODD: Record<string, string> = {
  "alkali olivine basalt": "alkali-olivine_basalt", phonolite: "phonolilte", conglomerate: "clastic_conglomerate",
  sandstone: "clastic_sandstone", mudstone: "clastic_mudstone", dolomite: "dolostone", "impure dolomite": "impure_dolostone",
};

/** The chart of the International Commission on Stratigraphy, the youngest first. */
const AGES = `
Quaternary; Holocene; Meghalayan; Northgrippian; Greenlandian; Pleistocene; Upper Pleistocene; Chibanian; Calabrian; Gelasian;
Cenozoic; Neogene; Pliocene; Piacenzian; Zanclean; Miocene; Messinian; Tortonian; Serravallian; Langhian; Burdigalian; Aquitanian;
Paleogene; Oligocene; Chattian; Rupelian; Eocene; Priabonian; Bartonian; Lutetian; Ypresian; Paleocene; Thanetian; Selandian; Danian;
Mesozoic; Cretaceous; Upper Cretaceous; Maastrichtian; Campanian; Santonian; Coniacian; Turonian; Cenomanian;
Lower Cretaceous; Albian; Aptian; Barremian; Hauterivian; Valanginian; Berriasian;
Jurassic; Upper Jurassic; Tithonian; Kimmeridgian; Oxfordian; Middle Jurassic; Callovian; Bathonian; Bajocian; Aalenian;
Lower Jurassic; Toarcian; Pliensbachian; Sinemurian; Hettangian;
Triassic; Upper Triassic; Rhaetian; Norian; Carnian; Middle Triassic; Ladinian; Anisian; Lower Triassic; Olenekian; Induan;
Paleozoic; Permian; Lopingian; Changhsingian; Wuchiapingian; Guadalupian; Capitanian; Wordian; Roadian;
Cisuralian; Kungurian; Artinskian; Sakmarian; Asselian;
Carboniferous; Pennsylvanian; Upper Pennsylvanian; Gzhelian; Kasimovian; Middle Pennsylvanian; Moscovian;
Lower Pennsylvanian; Bashkirian; Mississippian; Upper Mississippian; Serpukhovian; Middle Mississippian; Visean;
Lower Mississippian; Tournaisian;
Devonian; Upper Devonian; Famennian; Frasnian; Middle Devonian; Givetian; Eifelian; Lower Devonian; Emsian; Pragian; Lochkovian;
Silurian; Pridoli; Ludlow; Ludfordian; Gorstian; Wenlock; Homerian; Sheinwoodian; Llandovery; Telychian; Aeronian; Rhuddanian;
Ordovician; Upper Ordovician; Hirnantian; Katian; Sandbian; Middle Ordovician; Darriwilian; Dapingian;
Lower Ordovician; Floian; Tremadocian;
Cambrian; Furongian; Cambrian Stage 10; Jiangshanian; Paibian; Miaolingian; Guzhangian; Drumian; Wuliuan;
Cambrian Series 2; Cambrian Stage 4; Cambrian Stage 3; Terreneuvian; Cambrian Stage 2; Fortunian;
Phanerozoic; Precambrian; Proterozoic; Neoproterozoic; Ediacaran; Cryogenian; Tonian;
Mesoproterozoic; Stenian; Ectasian; Calymmian; Paleoproterozoic; Statherian; Orosirian; Rhyacian; Siderian;
Archean; Neoarchean; Mesoarchean; Paleoarchean; Eoarchean; Hadean`;

const split = (text: string): string[] => text.split(";").map((word) => word.trim());

function terms(base: string, words: string[], last: (word: string) => string): Map<string, Term> {
  const at = `http://resource.geosciml.org/classifier/${base}/`;
  return new Map(words.map((label) => [label.toLowerCase(), { label, id: at + last(label) }]));
}

const VOCABULARIES = {
  lithology: terms("cgi/lithology", split(LITHOLOGIES), (word) => ODD[word] ?? word.replaceAll(" ", "_")),
  age: terms("ics/ischart", split(AGES), (word) => word.replaceAll(" ", "")),
};
export type Vocabulary = keyof typeof VOCABULARIES;

/** The term that was meant: of the vocabulary if it has the word, whatever its capitals, else the word alone. */
export function termOf(vocabulary: Vocabulary, text: string): Term {
  return VOCABULARIES[vocabulary].get(text.trim().toLowerCase()) ?? { id: "", label: text.trim() };
}

/** Put lists beside the page that its fields suggest terms from. */
export function addLists(): void {
  for (const [name, known] of Object.entries(VOCABULARIES)) {
    const list = document.createElement("datalist");
    list.id = `terms-${name}`;
    list.replaceChildren(...[...known.values()].map(({ label }) => new Option(label, label)));
    document.body.append(list);
  }
}
