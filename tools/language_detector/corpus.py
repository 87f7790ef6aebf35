# SPDX-License-Identifier: Apache-2.0
"""Training texts of the language detector: sentences of the corpus, and what people send instead of sentences.

A text is made of a random run of a sentence's words, and may be in capitals, without its accents, with a web address or
a word of another script in it. Junk (nothing but digits, symbols, random letters, other scripts) has no language.
"""
import pathlib
import random
import string
import unicodedata

# In the order of the service that the model stands in for.
LABELS = "ja nl ar pl de it pt tr es hi el ur bg en fr zh ru th sw vi".split()
WITHOUT_SPACES = {"zh", "ja", "th"}
WITH_ACCENTS = {"de", "es", "fr", "it", "nl", "pl", "pt", "tr", "vi", "el", "sw", "en"}
NO_LANGUAGE = -1
# Names tell where a text plays, not what language it is in: common given names of some twenty countries, and large cities.
LATIN_NAMES = """James Mary Robert Patricia John Jennifer Michael Linda William Elizabeth David Barbara Oliver Olivia George Emily
Thomas Sarah Hans Ursula Peter Anna Lukas Klaus Sabine Jean Marie Pierre Nathalie Louis Camille Philippe Isabelle Antonio Carmen José María
Manuel Lucía Javier Ana Giuseppe Francesco Giulia Marco Sofia Luca Chiara João Maria Pedro Francisca Miguel Beatriz Jan Piotr Katarzyna
Krzysztof Agnieszka Andrzej Zofia Johanna Daan Emma Willem Sanne Pieter Anke Mehmet Fatma Mustafa Ayşe Ahmet Emine Ali Zeynep Juma Amina
Baraka Neema Hassan Rehema Otieno Wanjiru Minh Linh Anh Hương Nam Lan Dũng Mai Ivan Olga Sergei Elena Dmitri Natalia Georgi Mohamed Fatima
Ahmed Aisha Omar Maryam Hussein Zainab Rahul Priya Amit Pooja Muhammad Sana Imran Ayesha Wei Fang Hiroshi Yoko Kenji Yuki Minjun Jiwoo
Giorgos Nikos Eleni Lars Ingrid Erik Astrid Tokyo Delhi Shanghai Cairo Mumbai Dhaka Osaka Karachi Istanbul Kinshasa Lagos Manila Lahore
Bangalore Paris Jakarta Lima Bangkok Seoul London Chicago Madrid Toronto Nairobi Berlin Sydney Tom Jack Bill Bob Jim Mike Nick Steve
Kate Nancy Alice Jane Lisa Susan Sami Layla Boston""".split()
CYRILLIC_NAMES = """Джеймс Мария Роберт Джон Майкл Линда Уилям Дэвид Джордж Томас Ханс Петер Анна Жан Пьер Луи Антонио Кармен Педро Мануэль
Джулия Марко София Лука Ян Петр Катажина Ахмет Али Фатима Зейнеп Минь Иван Ольга Олга Сергей Елена Дмитрий Наталия Георги Мохамед Ахмед
Омар Мариам Рахул Прия Хироси Юки Никос Елени Ларс Ингрид Ерик Токио Дели Шанхай Кайро Мумбай Осака Истанбул Париж Лима Банкок Сеул Лондон
Чикаго Мадрид Торонто Найроби Берлин Сидней Том Джек Бил Боб Джим Майк Ник Стив Кейт Нанси Алис Джейн Лиза Сюзан Сами Лайла
Бостон""".split()
NAMES = {"bg": CYRILLIC_NAMES, "ru": CYRILLIC_NAMES}
# Turkish in ISO 8859-9 that was read as Latin-1.
TURKISH_AS_LATIN_1 = str.maketrans("ğĞıİşŞ", "ðÐýÝþÞ")


def key_of(sentence):
    """The same for sentences that differ in case, spaces and signs alone."""
    return "".join(c for c in sentence.casefold() if c.isalnum())


def read_train(folders, tests=()):
    """{language: [(source, sentence)]} of LANGUAGE.tsv files: source, tab, sentence; each sentence once, those of the
    folders `tests` not at all."""
    corpus = {}
    tested = {key_of(sentence) for folder in tests for _, sentence in read_test(folder)}
    for label in LABELS:
        seen, corpus[label] = set(tested), []
        for folder in folders:
            for line in (pathlib.Path(folder) / f"{label}.tsv").read_text(encoding="utf-8").splitlines():
                source, _, sentence = line.partition("\t")
                key = key_of(sentence)
                if key and key not in seen:
                    seen.add(key)
                    corpus[label].append((source, sentence))
    return corpus


def read_test(folder):
    """[(language, sentence)] of LANGUAGE.txt files."""
    return [(label, line) for label in LABELS
            for line in (pathlib.Path(folder) / f"{label}.txt").read_text(encoding="utf-8").splitlines() if line.strip()]


def words_of(sentence, label):
    """What a span is counted in: words, or pairs of characters where there are no spaces."""
    if label not in WITHOUT_SPACES:
        return sentence.split()
    return [sentence[i:i + 2] for i in range(0, len(sentence), 2)]


def join_words(words, label):
    return ("" if label in WITHOUT_SPACES else " ").join(words)


def word_pairs(tests, seed=7):
    """One pair of neighbouring words of each sentence that has two; four characters where there are no spaces."""
    draw = random.Random(seed)
    pairs = []
    for label, sentence in tests:
        words = words_of("".join(c for c in sentence if c.isalpha() or c.isspace() or unicodedata.combining(c)
                                 or unicodedata.category(c) in ("Mc", "Lm") or c in "'’-"), label)
        if len(words) >= 2:
            at = draw.randrange(len(words) - 1)
            pairs.append((label, join_words(words[at:at + 2], label)))
    return pairs


def without_accents(text):
    """ł and đ have no decomposition, and lose their strokes in such texts too."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", bare).translate(str.maketrans("łŁđĐıß", "lLdDis"))


class TextMaker:
    """Draws texts with their labels. corpus: {language: [sentence]}; han: {language: characters}."""

    def __init__(self, corpus, han, names, seed):
        self.corpus = corpus
        self.names = names  # share of texts with a name put in
        self.han = han
        self.draw = random.Random(seed)
        self.latin = [word for label in ("en", "de", "fr", "es", "it") for sentence in corpus[label][:2000]
                      for word in sentence.split() if word.isalpha()]

    def epoch(self, texts_per_language, junk):
        """[(label number or NO_LANGUAGE, text)], shuffled. Every sentence of a language is drawn about equally often."""
        texts = []
        for number, label in enumerate(LABELS):
            order = []
            while len(order) < texts_per_language:
                order += self.draw.sample(self.corpus[label], len(self.corpus[label]))
            texts += [(number, self.text(sentence, label)) for sentence in order[:texts_per_language]]
        texts += [(NO_LANGUAGE, self.junk()) for _ in range(junk)]
        self.draw.shuffle(texts)
        return texts

    def text(self, sentence, label):
        draw = self.draw
        kind = draw.random()
        if kind < 0.04:  # long texts
            sentence = " ".join([sentence] + draw.choices(self.corpus[label], k=draw.randint(1, 5)))
        elif kind < 0.62:
            words = words_of(sentence, label)
            count = min(len(words), draw.choice((1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 8, 10)))
            at = draw.randint(0, len(words) - count)
            sentence = join_words(words[at:at + count], label)
        if draw.random() < self.names:
            sentence = self.with_part(sentence, draw.choice(NAMES.get(label, LATIN_NAMES)))
        sentence = self.case(sentence, label)
        if label in self.han and draw.random() < 0.3:
            sentence = "".join(draw.choice(self.han[label]) if "\u4e00" <= c <= "\u9fff" and draw.random() < 0.2 else c
                               for c in sentence)
        if label in WITH_ACCENTS and draw.random() < 0.05:
            sentence = without_accents(sentence)
        if label == "tr" and draw.random() < 0.03:
            sentence = sentence.translate(TURKISH_AS_LATIN_1)
        if draw.random() < 0.06 and len(sentence) > 20:
            sentence = self.with_part(sentence, self.foreign_part(label))
        if draw.random() < 0.08:
            address = self.address()
            sentence = f"{sentence} {address}" if draw.random() < 0.6 else self.with_part(sentence, address)
        return sentence

    def case(self, sentence, label):
        """The model's tokenizer lowers all; what capitals change beyond that: ß, ς, Turkish i, Greek accents."""
        if self.draw.random() > 0.1:
            return sentence
        if label == "tr" and self.draw.random() < 0.5:
            sentence = sentence.replace("i", "İ")
        upper = sentence.upper()
        return without_accents(upper) if label == "el" else upper

    def with_part(self, sentence, part):
        words = sentence.split(" ")
        words.insert(self.draw.randint(0, len(words)), part)
        return " ".join(words)

    def foreign_part(self, label):
        if self.draw.random() < 0.3:
            return self.other_script()
        if label in WITHOUT_SPACES or label in ("ar", "ur", "hi", "bg", "ru", "el"):
            return " ".join(self.draw.choices(self.latin, k=self.draw.randint(1, 3)))
        return self.letters(3, 9)

    def letters(self, least, most, alphabet=string.ascii_lowercase):
        return "".join(self.draw.choices(alphabet, k=self.draw.randint(least, most)))

    def address_part(self):
        """Words of addresses tell nothing of the text around them."""
        return self.draw.choice(self.latin).lower() if self.draw.random() < 0.5 else self.letters(1, 9)

    def address(self):
        host, path, key = (self.address_part() for _ in range(3))
        end = self.draw.choice(("com", "org", "net", "io", "html", "php"))
        return self.draw.choice((f"https://www.{host}.{end}/{path}", f"https://{host}.{end}/{path}?{key}=1", f"www.{host}.{end}",
                                 f"{path}@{host}.{end}", f"http://{host}.{end}"))

    def other_script(self):
        """A word in the letters of a script that none of the languages is written in."""
        first, last = self.draw.choice(((0xAC00, 0xD7A3), (0x05D0, 0x05EA), (0x10D0, 0x10F0), (0x0561, 0x0587),
                                        (0x0985, 0x0995), (0x0B95, 0x0BB9), (0x1000, 0x1020), (0x1780, 0x17A0)))
        return "".join(chr(self.draw.randint(first, last)) for _ in range(self.draw.randint(2, 6)))

    def junk(self):
        draw = self.draw
        kind = draw.randrange(8)
        if kind == 0:
            return ""
        if kind == 1:
            return " ".join(self.other_script() for _ in range(draw.randint(1, 10)))
        if kind == 2:
            return self.address()
        if kind == 3:
            return self.letters(1, 2)
        if kind == 4:
            return " ".join(self.letters(1, 8) for _ in range(draw.randint(1, 4)))
        if kind == 5:
            return self.letters(5, 30, "0123456789abcdef")
        if kind == 6:
            return draw.choice(("ok", "OK", "lol", "haha", "hmm", "wow", "xd", "www", "http", "com", "pdf", "id", "tv", "wifi",
                                "covid", "email", "sms", "gps", "usb", "html", "iphone", "google", "facebook"))
        return " ".join([self.other_script() for _ in range(draw.randint(3, 6))] + [self.letters(2, 6)])
