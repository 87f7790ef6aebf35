// SPDX-License-Identifier: Apache-2.0
// What models do, as the playground shows it: boxes, examples, a question to the server, its answer as elements.
//
// A task has a title, boxes, examples ([name, a text for each box]) and
//   suits(info)               does a model do it, by what /info says of it?
//   ask(info, texts, signal)  {nodes, words: of the answer, for who does not see it, facts: [text] below it,
//                             tokens: {tokens, tokens_used}}
//   routes                    [path, what, body] for the list of routes
//   writes                    its panel is a Writer (writer.js), which asks by itself; there is one box
//   paints                    its panel is a Studio (studio.js), which asks by itself; there are no boxes
//   fit(text, info), carry(text, from, to), insert(info)   where texts hold a model's own sign: an example with it; what was
//                             written, for another model; what a button puts into the first box
import {ask} from "./api.js";
import {badge} from "./card.js";
import {count, make, plural} from "./dom.js";
import {bars, entityMarks, languageNames, markedText} from "./answers.js";

const MOST = 10;       // labels that are shown
const SHARED = 64;     // tokens that windows of a long text share
const DRAWN = 1000;    // marks, or passages: more make the browser slow

const labelsOf = (kind) => Object.values(kind?.id2label ?? {});

// Such a model says of two texts whether one follows from the other, and nothing of one alone.
const tellsEntailment = (info) => labelsOf(info.model_type.classifier).some((one) => /^entail/i.test(one));

function cosine(a, b) {
  let dot = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i += 1) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / Math.sqrt(aa * bb || 1);
}

const classes = {
  id: "classes",
  title: "Which class does a text belong to?",
  suits: (info) => Boolean(info.model_type.classifier) && !tellsEntailment(info),
  boxes: [{label: "Text"}],
  examples: [
    ["Italian", "La piccola libreria all’angolo apre anche la domenica mattina."],
    ["German", "Morgen fahren wir mit dem Rad am Fluss entlang."],
    ["Japanese", "週末は友だちと川へ釣りに行きます。"],
    ["Turkish", "Yarın sabah erkenden pazara gidip taze balık alacağız."],
    ["English", "This is the best little machine I have ever owned."],
  ],
  async ask(info, [text], signal) {
    const [answer] = (await ask("/v1/classify", {model: info.model_id, input: text, top_k: MOST}, signal)).data;
    const all = labelsOf(info.model_type.classifier);
    const names = languageNames(all);
    const rows = answer.classes.map(({label, score}) => ({label, score, detail: names?.get(label)}));
    return {nodes: bars(rows), words: `${rows[0].detail ?? rows[0].label}: ${rows[0].score.toFixed(3)}`, tokens: answer,
      facts: [rows.length < all.length && `${rows.length} of ${count(all.length)} labels`]};
  },
  routes: [["/v1/classify", "labels and scores of texts", {model: "MODEL", input: "a sentence", top_k: 3}]],
};

const entities = {
  id: "entities",
  title: "What is named in a text?",
  suits: (info) => Boolean(info.model_type.token_classifier),
  boxes: [{label: "Text", rows: 4}],
  examples: [
    ["English", "Ada Lovelace met Charles Babbage in London in June 1833. Years later the University of Oxford put her letters on show."],
    ["German", "Die Hamburger Hafenbehörde und Siemens bauen mit Frau Özdemir eine Brücke über die Elbe."],
    ["Japanese", "山田花子さんは京都大学を出て、大阪の小さな会社で働いています。"],
    ["Korean", "김민준 씨는 부산에서 태어나 서울대학교에서 공부했다."],
  ],
  async ask(info, [text], signal) {
    const stride = Math.min(SHARED, Math.floor(info.max_input_length / 4));
    const [answer] = (await ask("/v1/token-classify", {model: info.model_id, input: text, stride}, signal)).data;
    const found = answer.entities;
    return {nodes: entityMarks(text, found.slice(0, DRAWN), labelsOf(info.model_type.token_classifier)), tokens: answer,
      facts: [plural(found.length, "entity", "entities"), found.length > DRAWN && `the first ${count(DRAWN)} are marked`],
      words: found.slice(0, MOST).map((one) => `${one.word}, ${one.entity_group}`).join("; ") || "No entities"};
  },
  routes: [["/v1/token-classify", "entities of texts", {model: "MODEL", input: "Ada Lovelace lived in London"}]],
};

const answers = {
  id: "answers",
  title: "What does a text answer?",
  suits: (info) => Boolean(info.model_type.question_answering),
  boxes: [{label: "Question", rows: 1}, {label: "Context", rows: 5}],
  examples: [
    ["English", "Where do salmon lay their eggs?", "Salmon spend most of their lives at sea. Once they are grown they swim up the rivers where they were born and lay their eggs in gravel beds of clear, cold streams. Few of them ever return to the sea."],
    ["German", "Wann fährt die letzte Fähre?", "Die Fähre verkehrt täglich außer montags. Die erste fährt um sechs Uhr, die letzte um halb elf am Abend; Fahrräder sind frei."],
    ["Korean", "도서관은 언제 문을 닫습니까?", "시립 도서관은 오전 아홉 시에 열고 오후 여덟 시에 문을 닫습니다. 월요일은 쉽니다."],
  ],
  async ask(info, [question, context], signal) {
    const [answer] = (await ask("/v1/answer", {model: info.model_id, question, context, top_k: 3}, signal)).data;
    const found = answer.answers;
    if (found.length === 0) return {nodes: markedText(context, []), words: "No answer", facts: ["no answer found"], tokens: answer};
    return {nodes: [markedText(context, [found[0]]), bars(found.map((one) => ({label: one.answer || "no answer", score: one.score})), "long")],
      words: `${found[0].answer}: ${found[0].score.toFixed(3)}`, tokens: answer};
  },
  routes: [["/v1/answer", "the part of a text that answers", {model: "MODEL", question: "Where did Ada live?", context: "Ada Lovelace lived in London"}]],
};

const passages = {
  id: "passages",
  title: "Which passage answers best?",
  suits: (info) => Boolean(info.model_type.reranker),
  boxes: [{label: "Query", rows: 1}, {label: "Passages, one a line", rows: 6}],
  examples: [
    ["English", "How do fish breathe under water?", "The aquarium is open from nine to five, except on Mondays.\nSharks have been around for longer than trees.\nGills take oxygen out of the water that flows over them.\nA whale is a mammal and comes up for air.\nTrout like cold streams with a bed of gravel."],
    ["German", "Wie lange kocht man Kartoffeln?", "Im Keller bleiben Kartoffeln bis zum Frühjahr frisch.\nMittelgroße Kartoffeln sind nach zwanzig Minuten gar.\nDie Kartoffel kam aus den Anden nach Europa."],
    ["Japanese", "電車は何時に出ますか。", "駅の前に新しいパン屋ができました。\n次の電車は八時十五分に発車します。\n切符は窓口で買えます。"],
  ],
  async ask(info, [query, lines], signal) {
    const texts = lines.split("\n").map((one) => one.trim()).filter(Boolean);
    const ranked = await ask("/rerank", {model: info.model_id, query, texts}, signal);
    const rows = ranked.map(({index, score}) => ({label: texts[index], score, detail: `line ${index + 1}`}));
    return {nodes: bars(rows.slice(0, DRAWN), "long"), words: `Best: ${rows[0].label}`,
      facts: [plural(rows.length, "passage"), rows.length > DRAWN && `the best ${count(DRAWN)} are listed`]};
  },
  routes: [["/v1/rerank", "documents by how well they answer a query", {model: "MODEL", query: "a question", documents: ["a text", "another"]}]],
};

const masks = {
  id: "masks",
  title: "What stands for the mask?",
  suits: (info) => Boolean(info.mask_token),
  boxes: [{label: "Text with a mask"}],
  examples: [
    ["English", "The minnow is a small MASK that lives in clear rivers."],
    ["Two masks", "We took the MASK to the station and waited for the MASK."],
    ["German", "Im Winter ist es auf dem Berg sehr MASK."],
  ],
  fit: (text, info) => text.replaceAll("MASK", info.mask_token),
  carry: (text, from, to) => text.replaceAll(from.mask_token, to.mask_token),
  insert: (info) => info.mask_token,
  async ask(info, [text], signal) {
    if (!text.includes(info.mask_token)) throw new Error(`Write ${info.mask_token} where a word is missing.`);
    const [answer] = (await ask("/v1/fill-mask", {model: info.model_id, input: text, top_k: 5}, signal)).data;
    const many = answer.masks.length > 1;
    const lists = answer.masks.map((found, i) => [many && make("h4", null, `Mask ${i + 1}`),
      bars(found.map((one) => ({label: one.token_str.trim() || "space", score: one.score})))]);
    return {nodes: [filled(text.split(info.mask_token), answer.masks), lists], words: answer.masks.map(([best]) => best?.token_str.trim()).join(", "), tokens: answer};
  },
  routes: [["/v1/fill-mask", "tokens for the masks of texts", {model: "MODEL", input: "a MASK sentence"}]],
};

// The text with the best token in place of each mask; nothing where masks were cut off.
function filled(parts, found) {
  if (parts.length !== found.length + 1) return null;
  return make("p", {class: "marked", dir: "auto"}, parts.flatMap((part, i) => (i === 0 ? [part] : [make("mark", null, found[i - 1][0]?.token_str.trim()), part])));
}

const labels = {
  id: "labels",
  title: "Which of your own labels fits?",
  suits: tellsEntailment,
  boxes: [{label: "Text"}, {label: "Labels, with commas between", rows: 1}],
  examples: [
    ["English", "The final whistle came after ninety tense minutes.", "sport, politics, cooking"],
    ["German", "Der Teig muss eine Stunde ruhen.", "Sport, Politik, Kochen"],
    ["Japanese", "新しい法律が国会で可決された。", "スポーツ, 政治, 料理"],
  ],
  async ask(info, [text, list], signal) {
    const own = list.split(/[,、，]/).map((one) => one.trim()).filter(Boolean);
    const [answer] = (await ask("/v1/zero-shot", {model: info.model_id, input: text, labels: own}, signal)).data;
    return {nodes: bars(answer.classes), words: `${answer.classes[0].label}: ${answer.classes[0].score.toFixed(3)}`, tokens: answer};
  },
  routes: [["/v1/zero-shot", "labels of your own", {model: "MODEL", input: "a sentence", labels: ["sport", "politics"]}]],
};

const likeness = {
  id: "likeness",
  title: "How alike are two texts?",
  suits: (info) => Boolean(info.model_type.embedding),
  beside: true,
  boxes: [{label: "First text"}, {label: "Second text"}],
  examples: [
    ["Music", "A man is playing a guitar on stage.", "Someone performs music with a string instrument."],
    ["A login", "How do I reset my password?", "I cannot log in to my account."],
    ["Unlike", "The stock market fell sharply on Monday.", "A recipe for lemon cake."],
  ],
  async ask(info, texts, signal) {
    const [a, b] = await ask("/embed", {model: info.model_id, inputs: texts}, signal);
    const tokens = await ask("/tokenize", {model: info.model_id, inputs: texts}, signal).catch(() => null);
    const score = cosine(a, b);
    return {nodes: make("p", {class: "likeness"}, badge(score), make("b", null, `Cosine ${score.toFixed(3)}`)), words: `Cosine ${score.toFixed(3)}`,
      facts: [`${count(a.length)} dimensions`, tokens && `${tokens[0].length} and ${tokens[1].length} tokens`]};
  },
  routes: [["/v1/embeddings", "as OpenAI’s: vectors of texts", {model: "MODEL", input: ["a sentence", "another"]}],
    ["/embed", "as text-embeddings-inference’s", {model: "MODEL", inputs: ["a sentence", "another"]}]],
};

const texts = {
  id: "texts",
  title: "What does the model write?",
  suits: (info) => Boolean(info.model_type.text2text),
  writes: true,
  boxes: [{label: "Prompt", rows: 4}],
  examples: [
    ["Translate", "translate English to German: The little library around the corner is open on Sunday mornings."],
    ["Summarize", "summarize: Salmon spend most of their lives at sea. Once they are grown they swim up the rivers where they were born and lay their eggs in gravel beds of clear, cold streams. Few of them ever return to the sea. Where dams stand in their way, ladders of small pools help them to climb."],
    ["Question", "Answer the question: Which animal is larger, a minnow or a salmon?"],
    ["German", "Übersetze ins Englische: Morgen fahren wir mit dem Rad am Fluss entlang."],
    ["Japanese", "要約してください：週末は友だちと川へ釣りに行きました。朝は寒かったですが、小さな魚を三匹釣りました。"],
    ["Korean", "요약해 주세요: 시립 도서관은 오전 아홉 시에 열고 오후 여덟 시에 문을 닫습니다. 월요일은 쉽니다."],
  ],
  routes: [["/v1/completions", "as OpenAI’s: texts", {model: "MODEL", prompt: "summarize: a text", max_tokens: 64}],
    ["/generate_stream", "as text-generation-inference’s: a token at a time", {model: "MODEL", inputs: "summarize: a text", parameters: {max_new_tokens: 64}}],
    ["/api/generate", "as Ollama’s", {model: "MODEL", prompt: "summarize: a text"}]],
};

const pictures = {
  id: "pictures",
  title: "What picture does the model make?",
  suits: (info) => Boolean(info.model_type.text_to_image),
  paints: true,
  examples: [
    ["Water colours", "a small silver fish in a clear mountain stream, water colours", "blurry, text"],
    ["Photograph", "a red lighthouse on a rocky coast at dawn, photograph, 35 mm", "blurry, people"],
    ["Woodcut", "an old sailing ship in a storm, black and white woodcut", "colours"],
  ],
  routes: [["/v1/images/generations", "as OpenAI’s: pictures", {model: "MODEL", prompt: "a small silver fish", steps: 20}],
    ["/sdcpp/v1/img_gen", "a picture as a job, with events", {model: "MODEL", prompt: "a small silver fish", sample_params: {sample_steps: 20}}],
    ["/sdapi/v1/txt2img", "as the A1111 web UI’s", {prompt: "a small silver fish", steps: 20}]],
};

export const TASKS = [pictures, texts, classes, entities, answers, passages, masks, labels, likeness];
