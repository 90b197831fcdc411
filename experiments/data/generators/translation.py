#!/usr/bin/env python3
"""Writes the translation data: hand-written test sentences from written/, and generated sentences
for training and validation.

    experiments/data/generators/translation.py

makes translation/{en-de,en-zh}.{train,valid,test}.jsonl, the same bytes every time. Every
generated sentence combines a subject, what it does and when, or asks for a thing, with German case,
gender and verb forms from the tables below. The hand-written sentences of
written/translation.train.txt join the training data; those of the test are nowhere else.
"""
import json
import pathlib
import random

DATA = pathlib.Path(__file__).resolve().parent.parent

# English, English is/are, German nominative, German person, Chinese
SUBJECTS = [
    ("I", 0, "ich", "ich", "我"), ("you", 0, "du", "du", "你"), ("he", 1, "er", "er", "他"),
    ("she", 1, "sie", "er", "她"), ("we", 0, "wir", "wir", "我们"),
    ("they", 0, "sie", "wir", "他们"), ("Anna", 1, "Anna", "er", "安娜"),
    ("Tom", 1, "Tom", "er", "汤姆"), ("my father", 1, "mein Vater", "er", "我爸爸"),
    ("my mother", 1, "meine Mutter", "er", "我妈妈"),
    ("my brother", 1, "mein Bruder", "er", "我弟弟"),
    ("my sister", 1, "meine Schwester", "er", "我姐姐"),
    ("my grandmother", 1, "meine Großmutter", "er", "我奶奶"),
    ("my grandfather", 1, "mein Großvater", "er", "我爷爷"),
    ("the children", 0, "die Kinder", "wir", "孩子们"),
    ("the teacher", 1, "der Lehrer", "er", "老师"),
    ("our neighbour", 1, "unser Nachbar", "er", "我们的邻居"),
    ("my friends", 0, "meine Freunde", "wir", "我的朋友们"),
]
# English, third person, German finite forms, complement, infinitive, separable prefix, Chinese
ACTIONS = [
    ("read a book", "reads a book", "lese liest liest lesen", "ein Buch", "lesen", "", "看书"),
    ("read the newspaper", "reads the newspaper", "lese liest liest lesen", "die Zeitung",
     "lesen", "", "看报纸"),
    ("drink tea", "drinks tea", "trinke trinkst trinkt trinken", "Tee", "trinken", "", "喝茶"),
    ("drink coffee", "drinks coffee", "trinke trinkst trinkt trinken", "Kaffee", "trinken", "",
     "喝咖啡"),
    ("drink a glass of water", "drinks a glass of water", "trinke trinkst trinkt trinken",
     "ein Glas Wasser", "trinken", "", "喝一杯水"),
    ("eat an apple", "eats an apple", "esse isst isst essen", "einen Apfel", "essen", "",
     "吃一个苹果"),
    ("eat bread", "eats bread", "esse isst isst essen", "Brot", "essen", "", "吃面包"),
    ("eat soup", "eats soup", "esse isst isst essen", "Suppe", "essen", "", "喝汤"),
    ("cook soup", "cooks soup", "koche kochst kocht kochen", "Suppe", "kochen", "", "做汤"),
    ("cook dinner", "cooks dinner", "koche kochst kocht kochen", "das Abendessen", "kochen", "",
     "做晚饭"),
    ("go to work by bus", "goes to work by bus", "fahre fährst fährt fahren",
     "mit dem Bus zur Arbeit", "fahren", "", "坐公共汽车去上班"),
    ("go to Berlin by train", "goes to Berlin by train", "fahre fährst fährt fahren",
     "mit dem Zug nach Berlin", "fahren", "", "坐火车去柏林"),
    ("go to school", "goes to school", "gehe gehst geht gehen", "in die Schule", "gehen", "",
     "去学校"),
    ("go to the cinema", "goes to the cinema", "gehe gehst geht gehen", "ins Kino", "gehen", "",
     "去看电影"),
    ("go to the market", "goes to the market", "gehe gehst geht gehen", "auf den Markt", "gehen",
     "", "去市场"),
    ("play in the park", "plays in the park", "spiele spielst spielt spielen", "im Park",
     "spielen", "", "在公园里玩"),
    ("play with the dog", "plays with the dog", "spiele spielst spielt spielen", "mit dem Hund",
     "spielen", "", "和狗玩"),
    ("play the piano", "plays the piano", "spiele spielst spielt spielen", "Klavier", "spielen",
     "", "弹钢琴"),
    ("play football", "plays football", "spiele spielst spielt spielen", "Fußball", "spielen", "",
     "踢足球"),
    ("work in the garden", "works in the garden", "arbeite arbeitest arbeitet arbeiten",
     "im Garten", "arbeiten", "", "在花园里工作"),
    ("work at home", "works at home", "arbeite arbeitest arbeitet arbeiten", "zu Hause",
     "arbeiten", "", "在家工作"),
    ("buy a new jacket", "buys a new jacket", "kaufe kaufst kauft kaufen", "eine neue Jacke",
     "kaufen", "", "买一件新外套"),
    ("buy a new bicycle", "buys a new bicycle", "kaufe kaufst kauft kaufen", "ein neues Fahrrad",
     "kaufen", "", "买一辆新自行车"),
    ("buy milk and bread", "buys milk and bread", "kaufe kaufst kauft kaufen",
     "Milch und Brot", "kaufen", "", "买牛奶和面包"),
    ("write a letter", "writes a letter", "schreibe schreibst schreibt schreiben", "einen Brief",
     "schreiben", "", "写信"),
    ("learn German", "learns German", "lerne lernst lernt lernen", "Deutsch", "lernen", "",
     "学德语"),
    ("learn Chinese", "learns Chinese", "lerne lernst lernt lernen", "Chinesisch", "lernen", "",
     "学中文"),
    ("listen to music", "listens to music", "höre hörst hört hören", "Musik", "hören", "",
     "听音乐"),
    ("visit the museum", "visits the museum", "besuche besuchst besucht besuchen", "das Museum",
     "besuchen", "", "参观博物馆"),
    ("visit a friend", "visits a friend", "besuche besuchst besucht besuchen", "einen Freund",
     "besuchen", "", "去看一个朋友"),
    ("open the window", "opens the window", "mache machst macht machen", "das Fenster",
     "aufmachen", "auf", "开窗户"),
    ("close the door", "closes the door", "mache machst macht machen", "die Tür", "zumachen",
     "zu", "关门"),
    ("get up at seven o'clock", "gets up at seven o'clock", "stehe stehst steht stehen",
     "um sieben Uhr", "aufstehen", "auf", "七点起床"),
    ("stay at home", "stays at home", "bleibe bleibst bleibt bleiben", "zu Hause", "bleiben", "",
     "待在家里"),
    ("sleep in the big bed", "sleeps in the big bed", "schlafe schläfst schläft schlafen",
     "in dem großen Bett", "schlafen", "", "在大床上睡觉"),
    ("swim in the lake", "swims in the lake", "schwimme schwimmst schwimmt schwimmen", "im See",
     "schwimmen", "", "在湖里游泳"),
]
TIMES = [("every day", "jeden Tag", "每天"), ("every morning", "jeden Morgen", "每天早上"),
         ("in the evening", "am Abend", "晚上"), ("on Sunday", "am Sonntag", "星期天"),
         ("today", "heute", "今天"), ("tomorrow", "morgen", "明天")]
# English, German finite forms, Chinese
MODALS = [("can", "kann kannst kann können", "能"), ("must", "muss musst muss müssen", "必须"),
          ("would like to", "möchte möchtest möchte möchten", "想"),
          ("will", "werde wirst wird werden", "会")]
# English, German, gender, Chinese, measure word
THINGS = [
    ("book", "Buch", "n", "书", "本"), ("table", "Tisch", "m", "桌子", "张"),
    ("chair", "Stuhl", "m", "椅子", "把"), ("jacket", "Jacke", "f", "外套", "件"),
    ("bag", "Tasche", "f", "包", "个"), ("key", "Schlüssel", "m", "钥匙", "把"),
    ("umbrella", "Regenschirm", "m", "雨伞", "把"), ("bicycle", "Fahrrad", "n", "自行车", "辆"),
    ("car", "Auto", "n", "车", "辆"), ("cup", "Tasse", "f", "杯子", "个"),
    ("glass", "Glas", "n", "玻璃杯", "个"), ("newspaper", "Zeitung", "f", "报纸", "份"),
    ("letter", "Brief", "m", "信", "封"), ("ticket", "Fahrkarte", "f", "票", "张"),
    ("dog", "Hund", "m", "狗", "只"), ("cat", "Katze", "f", "猫", "只"),
    ("apple", "Apfel", "m", "苹果", "个"), ("lamp", "Lampe", "f", "灯", "盏"),
    ("map", "Karte", "f", "地图", "张"), ("hat", "Hut", "m", "帽子", "顶"),
    ("phone", "Telefon", "n", "电话", "部"), ("picture", "Bild", "n", "画", "幅"),
    ("coffee", "Kaffee", "m", "咖啡", "杯"), ("piece of cake", "Stück Kuchen", "n", "蛋糕", "块"),
    ("room", "Zimmer", "n", "房间", "个"), ("shirt", "Hemd", "n", "衬衫", "件"),
]
ADJECTIVES = [("new", "neu", "新"), ("old", "alt", "旧"), ("big", "groß", "大"),
              ("small", "klein", "小"), ("red", "rot", "红色的"), ("blue", "blau", "蓝色的")]
NOMINATIVE = {"m": "der", "f": "die", "n": "das"}
THIS = {"m": "dieser", "f": "diese", "n": "dieses"}
INDEFINITE = {"m": "einen", "f": "eine", "n": "ein"}
ENDING = {"m": "en", "f": "e", "n": "es"}  # after an indefinite article in the accusative
PLACES = [("on the table", "auf dem Tisch", "在桌子上"), ("under the bed", "unter dem Bett",
          "在床下面"), ("in the kitchen", "in der Küche", "在厨房里"),
          ("in the car", "im Auto", "在车里"), ("next to the door", "neben der Tür", "在门旁边"),
          ("in the garden", "im Garten", "在花园里"), ("at the office", "im Büro", "在办公室里")]
FORMS = {"ich": 0, "du": 1, "er": 2, "wir": 3}


def article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


def sentence(text):
    return text[0].upper() + text[1:]


def statements():
    for english, third, german, person, chinese in SUBJECTS:
        for base, finite, forms, complement, infinitive, prefix, action in ACTIONS:
            verb = forms.split()[FORMS[person]]
            said = finite if third else base
            for when, wann, time in TIMES:
                tail = f" {prefix}" if prefix else ""
                at = "" if complement.startswith("um ") and wann == "am Abend" else wann
                if not at:
                    continue
                yield (f"{sentence(english)} {said} {when}.",
                       f"{sentence(german)} {verb} {at} {complement}{tail}.",
                       f"{chinese}{time}{action}。")
                yield (f"{sentence(when)} {english} {said}.",
                       f"{sentence(at)} {verb} {german} {complement}{tail}.",
                       f"{time}{chinese}{action}。")
            for modal, modal_forms, can in MODALS:
                finite_modal = modal_forms.split()[FORMS[person]]
                yield (f"{sentence(english)} {modal} {base}.",
                       f"{sentence(german)} {finite_modal} {complement} {infinitive}.",
                       f"{chinese}{can}{action}。")
        for base, finite, forms, complement, infinitive, prefix, action in ACTIONS:
            can = "kann kannst kann können".split()[FORMS[person]]
            yield (f"Can {english} {base}?", f"{sentence(can)} {german} {complement} {infinitive}?",
                   f"{chinese}能{action}吗？")


def questions():
    for english, german, gender, chinese, measure in THINGS:
        yield (f"Where is the {english}?", f"Wo ist {NOMINATIVE[gender]} {german}?",
               f"{chinese}在哪里？")
        yield (f"How much does this {english} cost?", f"Was kostet {THIS[gender]} {german}?",
               f"这{measure}{chinese}多少钱？")
        yield (f"I would like {article(english)}, please.",
               f"Ich hätte gern {INDEFINITE[gender]} {german}, bitte.",
               f"请给我一{measure}{chinese}。")
        yield (f"Do you have {article(english)}?", f"Hast du {INDEFINITE[gender]} {german}?",
               f"你有{chinese}吗？")
        yield (f"We do not have {article(english)}.", f"Wir haben k{INDEFINITE[gender]} {german}.",
               f"我们没有{chinese}。")
        for place, ort, where in PLACES:
            yield (f"The {english} is {place}.",
                   f"{sentence(NOMINATIVE[gender])} {german} ist {ort}.", f"{chinese}{where}。")
            yield (f"Is the {english} {place}?", f"Ist {NOMINATIVE[gender]} {german} {ort}?",
                   f"{chinese}{where}吗？")
        for adjective, stem, quality in ADJECTIVES:
            if english in ("coffee", "piece of cake"):
                continue
            yield (f"I have {article(adjective)} {english}.",
                   f"Ich habe {INDEFINITE[gender]} {stem}{ENDING[gender]} {german}.",
                   f"我有一{measure}{quality}{chinese}。")
            yield (f"The {english} is {adjective}.",
                   f"{sentence(NOMINATIVE[gender])} {german} ist {stem}.",
                   f"这{measure}{chinese}是{quality.rstrip('的')}的。")


def written(part):
    lines = (DATA / "written" / f"translation.{part}.txt").read_text("utf-8").splitlines()
    return [tuple(field.strip() for field in line.split("|"))
            for line in lines if line and not line.startswith("#")]


def write(path, triples, part, language):
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for number, triple in enumerate(triples, 1):
            record = {"id": f"{part}-{number}", "source": triple[0],
                      "references": [triple[1 if language == "de" else 2]]}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


def main():
    test = written("test")
    held_out = {triple[0] for triple in test}
    things = list(dict.fromkeys(questions()))
    acts = list(dict.fromkeys(statements()))
    draw = random.Random(20240601)
    draw.shuffle(acts)
    generated = [triple for triple in things + acts[:2400 - len(things)]
                 if triple[0] not in held_out]
    draw.shuffle(generated)
    parts = {"train": generated[100:] + written("train"), "valid": generated[:100], "test": test}
    for language in ("de", "zh"):
        for part, triples in parts.items():
            write(DATA / "translation" / f"en-{language}.{part}.jsonl", triples, part, language)


if __name__ == "__main__":
    main()
