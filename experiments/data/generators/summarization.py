#!/usr/bin/env python3
"""Writes the summarization data: the hand-written test items of written/summarization.test.txt,
and generated notices and reports with their summaries for training and validation.

    experiments/data/generators/summarization.py

makes summarization/{train,valid,test}.jsonl, the same bytes every time. Each generated text fills
one of the templates below; its summary says what closed, moved, was lost or happened.
"""
import random

from records import fill, split, write, written

SLOTS = {
    "en": {
        "people": ["Dear parents", "Dear guests", "Dear neighbours", "Hello everybody",
                   "Dear members"],
        "place": ["the swimming pool", "the library", "the school kitchen", "the sports hall",
                  "the town museum", "the car park", "the post office", "the music school"],
        "day": ["tomorrow", "on Monday", "on Friday", "next week", "until Easter", "this weekend"],
        "why": [("a pipe has burst", "a burst pipe"), ("the floor is being painted", "fresh paint"),
                ("the lights have failed", "broken lights"), ("the staff are ill", "illness"),
                ("the lock is broken", "a broken lock"), ("a storm is coming", "a storm")],
        "instead": ["Please use the side door for deliveries", "We open again as soon as we can",
                    "Tickets that you have bought stay valid",
                    "We are sorry and thank you for your patience"],
        "event": ["The meeting", "The concert", "The German lesson", "The garden party",
                  "The football match", "The parents' evening"],
        "from_": ["Tuesday", "Wednesday", "Thursday", "Saturday"],
        "to": ["Sunday", "Friday", "Monday"],
        "bring": ["Please bring something to drink", "There will be coffee and cake",
                  "The room is the same as always", "Tell your friends as well"],
        "who": ["My brother", "My aunt", "Our neighbour", "A student", "My best friend"],
        "thing": ["wallet", "umbrella", "phone", "blue bag", "camera", "bunch of keys"],
        "where": ["on the tram", "in the park", "at the market", "in a café", "at the station"],
        "finder": ["a child", "an old man", "the driver", "a policewoman", "a tourist"],
        "thanks": ["a box of chocolates", "ten pounds", "a big smile", "a bottle of juice"],
        "product": ["kettle", "radio", "lamp", "coffee machine", "printer", "vacuum cleaner"],
        "fault": ["makes a loud noise", "does not switch on", "smells of smoke",
                  "stops after a minute"],
        "wish": [("I would like my money back", "a refund"),
                 ("I would like a new one", "a new one"),
                 ("I ask you to repair it", "a repair")],
    },
    "de": {
        "place": ["Das Schwimmbad", "Die Bücherei", "Das Museum", "Die Turnhalle", "Das Café",
                  "Die Post"],
        "day": ["am Montag", "am Freitag", "in der nächsten Woche", "bis Ostern"],
        "why": [("ein Rohr gebrochen ist", "eines Rohrbruchs"),
                ("der Boden gestrichen wird", "der Malerarbeiten"),
                ("der Strom ausgefallen ist", "eines Stromausfalls"),
                ("ein Sturm erwartet wird", "eines Sturms")],
        "instead": ["Wir bitten um Verständnis", "Karten behalten ihre Gültigkeit",
                    "Danach gelten die üblichen Zeiten"],
        "who": ["Mein Bruder", "Meine Tante", "Unser Nachbar", "Eine Schülerin"],
        "thing": ["den Schlüssel", "die Tasche", "das Handy", "den Regenschirm"],
        "where": ["im Bus", "im Park", "auf dem Markt", "am Bahnhof"],
        "finder": ["ein Kind", "eine alte Frau", "der Fahrer", "ein Tourist"],
    },
    "zh": {
        "place": ["图书馆", "游泳池", "博物馆", "体育馆", "邮局"],
        "day": ["明天", "星期一", "星期五", "下个星期"],
        "why": [("水管坏了", "水管坏了"), ("要修电灯", "修电灯"), ("有大风", "大风")],
        "instead": ["请大家互相告诉一下", "对不起，谢谢大家", "以后照常开门"],
        "who": ["我弟弟", "我阿姨", "邻居", "一个学生"],
        "thing": ["钥匙", "雨伞", "手机", "钱包"],
        "where": ["公共汽车上", "公园里", "市场里", "火车站"],
        "finder": ["一个孩子", "司机", "一位老人"],
    },
}
TEMPLATES = {
    "en": [
        ("{people}, {place} will be closed {day} because {why[0]}. {instead}.",
         "Because of {why[1]}, {place} is closed {day}."),
        ("{people}, please note a change. {event} on {from_} has to be moved to {to}. {bring}.",
         "{event} moves from {from_} to {to}."),
        ("{who} lost the {thing} {where}. An hour later {finder} came with it and had not even "
         "opened it. {who} gave {thanks} as thanks.",
         "{who} got the lost {thing} back from {finder}."),
        ("I bought a {product} in your shop last month. Since yesterday it {fault}. I have read "
         "the instructions twice, but nothing helps. {wish[0]}.",
         "The {product} {fault}, and the customer wants {wish[1]}."),
    ],
    "de": [
        ("{place} bleibt {day} geschlossen, weil {why[0]}. {instead}.",
         "{place} ist {day} wegen {why[1]} geschlossen."),
        ("{who} hat {where} {thing} verloren. Eine Stunde später kam {finder} und brachte alles "
         "zurück. Zum Dank gab es ein Eis.", "{who} bekam {thing} zurück."),
    ],
    "zh": [
        ("因为{why[0]}，{place}{day}不开门。{instead}。", "{place}{day}因为{why[1]}不开门。"),
        ("{who}在{where}丢了{thing}。过了一个小时，{finder}把它送了回来。{who}非常高兴。",
         "{finder}送回了{who}丢的{thing}。"),
    ],
}
def main():
    draw = random.Random(20240602)
    records = [{"language": language, "source": source, "references": [summary]}
               for language, most in (("en", 260), ("de", 130), ("zh", 100))
               for template in TEMPLATES[language]
               for source, summary in fill(template, SLOTS[language], most, draw)]
    parts = split(records, 120, 20240602)
    parts["test"] = [{"language": language, "source": source, "references": [summary]}
                     for language, (source, summary) in written("summarization.test.txt")]
    write("summarization", parts)


if __name__ == "__main__":
    main()
