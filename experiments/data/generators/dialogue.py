#!/usr/bin/env python3
"""Writes the dialogue data: the hand-written test dialogues of written/dialogue.test.txt, and
generated everyday dialogues for training and validation.

    experiments/data/generators/dialogue.py

makes dialogue/{train,valid,test}.jsonl, the same bytes every time. Each generated dialogue fills
one of the templates below: shopping, asking the way, arranging to meet, borrowing, complaining.
"""
import random

from records import fill, split, write, written

SLOTS = {
    "en": {
        "ware": ["a red scarf", "a bicycle lamp", "a thick notebook", "a birthday card",
                 "a woollen hat", "a toy train"],
        "price": ["two pounds", "five pounds", "ten pounds", "three pounds fifty"],
        "pay": ["Here you are, keep the change.", "Can I pay by card?", "That is a good price.",
                "I will take it."],
        "goal": ["the hospital", "the town hall", "the cinema", "the market", "the zoo"],
        "way": ["Turn right at the church.", "Go straight on for two streets.",
                "Cross the bridge and turn left.", "Follow this street to its end."],
        "far": [("Is it far?", "No, only five minutes."),
                ("Can I walk there?", "Yes, it is not far."),
                ("Is there a bus?", "Yes, every ten minutes.")],
        "plan": ["go swimming", "watch the match", "go to the cinema", "play cards", "have a picnic"],
        "day": ["on Saturday", "tonight", "tomorrow", "on Friday evening"],
        "answer": [("I would love to.", "Great, I will call you."),
                   ("I have to work.", "What a pity, another time then."),
                   ("Only if it does not rain.", "The sun will shine, I am sure."),
                   ("Can my sister come too?", "Of course, bring her along.")],
        "tool": ["your ladder", "your tent", "a pen", "your bicycle", "a big pot"],
        "need": ["I want to paint the ceiling.", "We are going away for the weekend.",
                 "Mine is broken.", "I am expecting guests."],
        "back": ["Tomorrow, I promise.", "On Monday at the latest.", "In an hour."],
        "room": ["The heating", "The shower", "The television", "The window"],
        "since": ["Since last night.", "Since this morning.", "It never worked."],
        "fix": ["I will send somebody at once.", "I am sorry, you can have another room.",
                "I will have a look myself."],
    },
    "de": {
        "ware": ["einen roten Schal", "zwei Hefte", "eine Lampe", "ein Paar Handschuhe"],
        "price": ["zwei Euro", "fünf Euro", "zehn Euro", "drei Euro fünfzig"],
        "pay": ["Stimmt so.", "Kann ich mit Karte zahlen?", "Das nehme ich.", "Hier, bitte."],
        "goal": ["zum Krankenhaus", "zum Rathaus", "ins Kino", "zum Markt"],
        "way": ["An der Kirche rechts.", "Immer geradeaus.", "Über die Brücke und dann links."],
        "plan": ["schwimmen gehen", "ins Kino gehen", "Karten spielen", "ein Eis essen"],
        "day": ["am Samstag", "heute Abend", "morgen"],
        "answer": [("Sehr gern.", "Schön, ich rufe dich an."),
                   ("Ich muss arbeiten.", "Schade, dann ein andermal."),
                   ("Darf meine Schwester mit?", "Na klar, bring sie mit.")],
    },
    "zh": {
        "ware": ["一本书", "一把雨伞", "两个本子", "一双手套"],
        "price": ["十块", "二十块", "五十块", "八块"],
        "pay": ["好，我买了。", "可以便宜一点吗？", "给你钱。"],
        "goal": ["医院", "电影院", "市场", "动物园"],
        "way": ["一直走。", "在前面右转。", "过了桥左转。"],
        "plan": ["去游泳", "看电影", "打篮球", "吃饺子"],
        "day": ["星期六", "今天晚上", "明天"],
        "answer": [("好啊，几点？", "六点在门口见。"), ("我要工作。", "那下次吧。"),
                   ("我妹妹也可以来吗？", "当然可以。")],
    },
}
TEMPLATES = {
    "en": [
        ("Good morning, I am looking for {ware}.", "We have this one here.", "How much is it?",
         "It costs {price}.", "{pay}"),
        ("Excuse me, how do I get to {goal}?", "{way}", "{far[0]}", "{far[1]}",
         "Thank you very much."),
        ("Would you like to {plan} {day}?", "{answer[0]}", "{answer[1]}"),
        ("Can I borrow {tool}?", "What do you need it for?", "{need}",
         "When will you bring it back?", "{back}"),
        ("{room} in my room does not work.", "Since when?", "{since}", "{fix}"),
    ],
    "de": [
        ("Guten Tag, ich suche {ware}.", "Das haben wir hier.", "Was kostet das?",
         "Das macht {price}.", "{pay}"),
        ("Entschuldigung, wie komme ich {goal}?", "{way}", "Ist es weit?", "Nein, fünf Minuten.",
         "Vielen Dank."),
        ("Wollen wir {day} {plan}?", "{answer[0]}", "{answer[1]}"),
    ],
    "zh": [
        ("你好，我想买{ware}。", "这里有。", "多少钱？", "{price}。", "{pay}"),
        ("请问，{goal}怎么走？", "{way}", "远吗？", "不远，走五分钟。", "谢谢你。"),
        ("{day}我们一起{plan}好吗？", "{answer[0]}", "{answer[1]}"),
    ],
}


def main():
    draw = random.Random(20240603)
    records = [{"language": language, "turns": list(turns)}
               for language, most in (("en", 130), ("de", 50), ("zh", 40))
               for template in TEMPLATES[language]
               for turns in fill(template, SLOTS[language], most, draw)]
    parts = split(records, 60, 20240603)
    parts["test"] = [{"language": language, "turns": turns}
                     for language, turns in written("dialogue.test.txt")]
    write("dialogue", parts)


if __name__ == "__main__":
    main()
