// SPDX-License-Identifier: Apache-2.0
// Written for this purpose: short and long, prose, questions, code, markup, numbers, several
// scripts.
#include "tasks/calibration_texts.h"

#include <iterator>

namespace minnow {
namespace {

constexpr const char* kCalibrationTexts[] = {
    "rain",
    "lost luggage office",
    "Why do leaves change colour in autumn?",
    "best way to clean a cast iron pan without soap",
    "The bridge will be closed for repairs until the end of April, so buses take the road along "
    "the "
    "lake and need about twenty minutes more.",
    "My grandfather kept two goats, a donkey and, for one summer, a very bad-tempered goose.",
    "After the second quarter the company cut its forecast: revenue grew by 3.2 percent, costs by "
    "7, "
    "and the new factory will open a year later than planned.",
    "To restart the service, run `systemctl restart web` as root and wait until the log says "
    "ready; "
    "if it does not, look for a port that is already in use.",
    "A tenant may end the lease with three months' notice, given in writing and received by the "
    "landlord before the third working day of the month.",
    "The patient was given 500 mg twice a day for ten days; the fever fell on the second day and "
    "the "
    "cough after a week.",
    "Whisk the yolks with the sugar until pale, add the warm milk slowly, and stir over low heat "
    "until "
    "the cream coats the back of a spoon.",
    "In the last minute the visitors equalised with a header after a corner, and nobody in the "
    "stadium sat down again.",
    "The comet will be visible low in the western sky about an hour after sunset, best from a dark "
    "place with a pair of binoculars.",
    "Honestly, the sequel is better than the first film: less noise, more time for the characters, "
    "and a score that stays with you.",
    "The box arrived crushed, two of the six glasses were broken and the refund took a month. "
    "Never again.",
    "The treaty of the two valleys, signed in 1648, gave the villages the right to the water from "
    "sunrise to noon.",
    "Copper conducts electricity better than iron, but silver better than both.",
    "Plate tectonics explains why the same fossils are found on both sides of an ocean.",
    "A hash table answers in constant time on average, a balanced tree in logarithmic time always.",
    "The committee meets on 14 March 2025 at 09:30 in room B-117; agenda and minutes: "
    "https://example.org/meetings?id=42&lang=en",
    "apiVersion: v1\nkind: Service\nmetadata:\n  name: shop\nspec:\n  selector:\n    app: shop\n  "
    "ports:\n  - port: 80\n    targetPort: 8080",
    "# Installation\n\n1. Download the archive.\n2. Unpack it: `tar xf tool-1.8.tar.gz`\n3. Add "
    "`bin/` to your `PATH`.\n\n> **Note:** version 1.7 and older do not start on ARM.",
    "fn main() {\n    let words: Vec<&str> = line.split_whitespace().collect();\n    "
    "println!(\"{}\", "
    "words.len());\n}",
    "class Account:\n    def __init__(self, owner, balance=0):\n        self.owner = owner\n       "
    " "
    "self.balance = balance",
    "{\"id\": 7781, \"tags\": [\"red\", \"xl\"], \"price\": 19.95, \"in_stock\": true, \"note\": "
    "null}",
    "<ul class=\"menu\"><li><a href=\"/about\">About us</a></li><li><a "
    "href=\"/jobs\">Jobs</a></li></ul>",
    "| city | people | area km2 |\n|---|---|---|\n| Lund | 94,393 | 25.8 |\n| Visby | 24,330 | "
    "12.4 |",
    "2024-11-03T08:15:22Z WARN pool exhausted: 64 of 64 connections in use, 12 waiting (trace "
    "9f3a)",
    "curl -sS -X POST http://localhost:8080/items -H 'Content-Type: application/json' -d '{\"n\": "
    "3}'",
    "Mon train pour Lyon est annulé; le prochain part à 18 h 42 du quai numéro sept.",
    "Der Vertrag verlängert sich um ein Jahr, wenn er nicht drei Monate vorher gekündigt wird.",
    "¿Sabes dónde está la farmacia más cercana que abra por la noche?",
    "A chuva parou de repente e as crianças voltaram a correr para a praia.",
    "Nel cortile c'era un vecchio fico, e sotto il fico una panca di pietra.",
    "Na dworcu spotkałem kolegę, którego nie widziałem od dziesięciu lat.",
    "Завтра обещают снег, поэтому лучше выехать пораньше.",
    "请把窗户关上,外面风很大。",
    "この本はとても面白かったので、二回読みました。",
    "오늘은 날씨가 좋아서 공원에서 점심을 먹었다.",
    "أين يمكنني شراء تذكرة القطار إلى المدينة؟",
    "कल सुबह हम नदी के किनारे टहलने जाएँगे।",
    "Bugün hava çok güzel, denize girelim mi?",
    "omg the new update is sooo slow 😩 anyone else?? #fail @support",
    "WARNING!!! DO NOT OPEN THE VALVE WHILE THE TANK IS UNDER PRESSURE",
};

constexpr size_t kCalibrationPassages = 8;

}  // namespace

std::vector<std::string> CalibrationTexts() {
  std::vector<std::string> texts(std::begin(kCalibrationTexts), std::end(kCalibrationTexts));
  const size_t sentences = texts.size();
  for (size_t i = 0; i < kCalibrationPassages; ++i) {
    std::string passage;
    for (size_t k = i; k < sentences; k += kCalibrationPassages) passage += texts[k] + " ";
    texts.push_back(std::move(passage));
  }
  return texts;
}

}  // namespace minnow
