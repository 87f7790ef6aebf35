// SPDX-License-Identifier: Apache-2.0
// Written for this purpose: queries, sentences, code, numbers, other scripts; and passages made of
// them.
#include "tasks/quality_texts.h"

#include <cstddef>

namespace minnow {
namespace {

constexpr const char* kQualityTexts[] = {
    "tea",
    "opening hours",
    "how to repair a bicycle chain",
    "Where does the river Loire begin?",
    "cheap flights in november",
    "What is the difference between weather and climate?",
    "The cat slept on the warm stones until evening.",
    "A kitten was lying in the sun all afternoon.",
    "Our train left the station eleven minutes late.",
    "She plays the cello in a small orchestra.",
    "He has never eaten a fresh fig.",
    "Snow fell through the night and covered the road.",
    "The committee rejected the proposal by nine votes to four.",
    "Please send me the invoice before Friday.",
    "I did not enjoy this film at all; the ending made no sense.",
    "Wonderful service, friendly people, and the soup was hot.",
    "The battery lasts two days, but the screen scratches easily.",
    "My order arrived broken and nobody answers my messages.",
    "Two plus two is four, and seven times eight is fifty-six.",
    "Version 2.4.1 was released on 2023-05-17 and fixes 38 defects.",
    "Water boils at 100 degrees Celsius at sea level.",
    "An earthquake of magnitude 6.1 was felt along the coast.",
    "Photosynthesis turns light, water and carbon dioxide into sugar.",
    "Bees find their way back by the position of the sun.",
    "The heart pumps about five litres of blood every minute.",
    "Vaccines teach the immune system to recognise a pathogen.",
    "Interest rates rose again, and house prices began to fall.",
    "The contract ends automatically after a period of twelve months.",
    "The court found that the notice had not been given in time.",
    "Parliament will vote on the budget next Tuesday.",
    "The goalkeeper saved two penalties in the final.",
    "She ran the marathon in three hours and nine minutes.",
    "Fold the egg whites into the batter and bake for forty minutes.",
    "Slice the onions thinly and let them brown slowly in butter.",
    "The cathedral was built over two hundred years.",
    "Iron tools spread slowly from the east to the islands.",
    "def area(radius): return 3.14159 * radius ** 2",
    "for (int i = 0; i < n; ++i) sum += values[i];",
    "SELECT name, price FROM products WHERE stock > 0 ORDER BY price;",
    "Error: connection refused by 127.0.0.1:5432 after 3 attempts",
    "Das Wetter wird morgen sonnig, am Abend kommen Wolken auf.",
    "Wo kann ich hier in der Nähe ein Fahrrad leihen?",
    "Le marché ouvre tous les samedis à sept heures.",
    "Nous cherchons un appartement avec deux chambres et un balcon.",
    "El tren a Sevilla sale del andén número cuatro.",
    "La biblioteca cierra los domingos y los días festivos.",
    "O barco voltou ao porto antes da tempestade.",
    "Il pane appena sfornato profuma tutta la strada.",
    "De winkel verkoopt oude boeken en landkaarten.",
    "Поезд прибывает на третью платформу в полдень.",
    "Сегодня вечером мы идём в театр.",
    "今天下午可能会下雨。",
    "駅から歩いて五分です。",
    "القهوة ساخنة والكتاب على الطاولة.",
    "Η θάλασσα ήταν ήρεμη το πρωί.",
    "Great news!!! 🎉 see you at 8pm 😀 #party",
};

constexpr size_t kQualityPassages = 8;
constexpr size_t kSentencesOfPassage = 7;  // the last of the passages have more

}  // namespace

std::vector<std::string> QualityTexts() {
  std::vector<std::string> texts(std::begin(kQualityTexts), std::end(kQualityTexts));
  const size_t sentences = texts.size();
  for (size_t i = 0; i < kQualityPassages; ++i) {
    std::string passage;
    for (size_t k = 0; k < kSentencesOfPassage + 2 * i; ++k)
      passage += (k == 0 ? "" : " ") + texts[(i * kSentencesOfPassage + k) % sentences];
    texts.push_back(std::move(passage));
  }
  return texts;
}

}  // namespace minnow
