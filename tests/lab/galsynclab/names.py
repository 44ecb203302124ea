# SPDX-License-Identifier: MIT
"""Names of people, places and groups, and what a mail administrator makes of them in ASCII."""

import unicodedata

# Given names, surnames; "native|latin" where the transliteration is not what fold() would make.
CULTURES = (
    (62, """Adam Alan Alice Amy Andrew Anna Anthony Arthur Barbara Benjamin Brenda Brian Bruce Carol
         Catherine Charles Christine Claire Colin Craig Cynthia Daniel David Deborah Dennis Diane
         Donna Douglas Edward Eileen Elizabeth Emily Emma Eric Fiona Frances Frank George Gerald
         Grace Graham Hannah Harry Heather Helen Henry Howard Ian Irene Jack Jacob James Jane
         Jennifer Jessica Joan John Joseph Joyce Julia Justin Karen Kathleen Keith Kevin Laura
         Lawrence Linda Louise Lucy Margaret Mark Martha Mary Matthew Megan Michael Nancy Nathan
         Neil Nicola Oliver Pamela Patrick Paul Peter Philip Rachel Ralph Raymond Rebecca Richard
         Robert Rose Roy Ruth Ryan Samuel Sarah Scott Sharon Simon Sophie Stephen Susan Teresa
         Thomas Timothy Tracy Victoria Vincent Walter Wendy William Anne-Marie D'Arcy""",
     """Adams Allen Anderson Armstrong Atkinson Austin Baker Ball Barker Barnes Bates Bell Bennett
         Berry Bird Black Boyd Bradley Brooks Brown Burke Burns Butler Byrne Campbell Carr Carter
         Chapman Clark Cole Coleman Collins Cook Cooper Cox Crawford Cross Cunningham Curtis Davies
         Dawson Day Dixon Dunn Edwards Elliott Ellis Evans Ferguson Fisher Fletcher Ford Foster
         Fowler Fox Francis Fraser Freeman Gibson Gilbert Gordon Graham Grant Gray Green Griffiths
         Hall Hamilton Harding Harper Harris Harrison Hart Harvey Hawkins Hayes Henderson Hicks Hill
         Holland Holmes Howard Hudson Hughes Hunt Hunter Jackson Jenkins Johnson Jones Jordan Kelly
         Kennedy King Knight Lane Lawson Lee Lewis Lloyd Long Lynch Marsh Marshall Martin Mason
         Matthews May McCarthy McDonald Miller Mills Mitchell Moore Morgan Morris Moss Murphy Murray
         Nelson Newman Nichols O'Brien O'Connor O'Neill Owen Page Palmer Parker Parsons Payne Pearce
         Perry Phillips Porter Powell Price Quinn Read Reid Rees Reynolds Rice Richards Riley
         Roberts Robinson Rogers Rose Ross Russell Ryan Sanders Saunders Scott Sharp Shaw Simpson
         Smith Smith-Jones Spencer Stevens Stone Sutton Taylor Thompson Tucker Turner Walker Wallace
         Walsh Ward Watson Watts Webb Wells West Wheeler White Williams Wilson Wood Wright Young"""),
    (14, """Jürgen Björn Käthe Sören Günther Lukas Anke Jörg Heike Wolfgang Uwe Renate Dörte Matthias
         Götz Bärbel Rüdiger Ulrike Stefan Birgit Åsa Håkan Jürg Verena Kjell""",
     """Müller Schröder Groß Weiß Köhler Jäger Schäfer Strauß Kühn Löwe Bauer Vogel Østergård Zimmermann
         Lüthi Fröhlich Böhm Krüger Voß Günther Hofmann Brühl Sjöberg Ångström Nørgaard Steiner"""),
    (12, """José María Núria João Inês André Zoé François Hélène Chloé Íñigo Conceição Agnès Álvaro
         Benoît Cécile Rubén Sofía Tomás Vânia Iñaki Jérôme Óscar Raúl Lúcia""",
     """Núñez Muñoz Gonçalves García Peña Lefèvre Gagné Araújo Magalhães Ibáñez Château Béranger Ávila
         Córdoba Durán Fernández Guimarães Hernández Jiménez López Martínez Négrier Romão Suárez"""),
    (7, """Łukasz Małgorzata Paweł Żaneta Jiří Šárka Zdeněk Ágnes Győző Bogdan Ștefan Ieva Grażyna
         Michał Ondřej Věra Zoltán Đorđe Živko Jānis""",
     """Wałęsa Żółkiewski Dvořák Černý Nagy Őry Kovács Țurcanu Bērziņš Gajewski Śliwa Novák Růžička
         Szabó Jovanović Pawłowski Łącki Kučera Vörös Ionescu"""),
    (3, "Ünal Gülşen İbrahim Çağla Işıl Ömer Şebnem Tuğba Okan Yiğit Zeynep Uğur",
     "Yılmaz Şahin Öztürk Çelik Aydın Doğan Kılıç Güneş Özdemir Arslan Koç Şimşek"),
    (4, "Ярослав Ольга Юрий Щепан Ксенія Дмитрий Андрій Людмила Їжак Сергей Пётр Наталья Зоя",
     "Шевченко Жуков Цветаева Ильин Єфремов Чехов Коваль Лысенко Бойко Щукин Мельник Гриценко"),
    (2, """太郎|Taro 花子|Hanako 健|Ken 美咲|Misaki 翔|Sho 直樹|Naoki 愛|Ai 陽子|Yoko 一郎|Ichiro 恵|Megumi
         誠|Makoto 真由美|Mayumi""",
     """山田|Yamada 鈴木|Suzuki 佐藤|Sato 高橋|Takahashi 田中|Tanaka 渡辺|Watanabe 伊藤|Ito 中村|Nakamura
         小林|Kobayashi 加藤|Kato 吉田|Yoshida 山本|Yamamoto"""),
)
CULTURES = tuple((w, tuple(g.split()), tuple(s.split())) for w, g, s in CULTURES)
WEIGHTS = tuple(c[0] for c in CULTURES)

# City, country, code, state, telephone prefix, company suffix.
CITIES = (
    ("Boston", "United States", "US", "MA", "+1 617 555", "Inc."),
    ("Zürich", "Switzerland", "CH", "ZH", "+41 44 555", "AG"),
    ("Kraków", "Poland", "PL", "Małopolska", "+48 12 555", "Sp. z o.o."),
    ("São Paulo", "Brazil", "BR", "SP", "+55 11 5555", "Ltda."),
    ("Dublin", "Ireland", "IE", "Leinster", "+353 1 555", "Ltd."),
    ("Київ", "Ukraine", "UA", "Київ", "+380 44 555", "ТОВ"),
)
# The comma is a trap for code that joins DNs by hand.
DEPARTMENTS = ("Sales", "Research, Development", "Finance", "IT", "Legal & Compliance", "Support")
TITLES = ("Engineer", "Analyst", "Assistant", "Consultant", "Manager", "Architect", "Director",
          "Clerk", "Specialist", "Technician", "Counsel", "Accountant")
TOPICS = ("Announcements", "Project", "Team", "Committee", "On Call", "Readers", "Editors", "Alumni",
          "Newsletter", "Parking", "Sports", "Führungskräfte", "Отдел", "Émigrés")
PARTNERS = ("partner.example", "supplier.example", "customer.example", "agency.example")

_LATIN = dict(zip("абвгдезийклмнопрстуфхыэєіїґьъ", "a b v g d e z i i k l m n o p r s t u f kh y e ie "
                  "i i g".split() + ["", ""]))
_LATIN.update({"ж": "zh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ю": "yu", "я": "ya", "ё": "e",
               "ß": "ss", "ł": "l", "ø": "o", "æ": "ae", "ı": "i", "đ": "d", "ð": "d", "þ": "th"})


def native(name):
    return name.partition("|")[0]


def latin(name):
    """The name in lower-case ASCII: what mail aliases and logon names are made of."""
    name = name.partition("|")[2] or name
    folded = unicodedata.normalize("NFKD", "".join(_LATIN.get(c, c) for c in name.lower()))
    # The second pass is for letters that only their decomposition has: й, İ.
    folded = "".join(_LATIN.get(c, c) for c in folded if not unicodedata.combining(c))
    return "".join(c for c in folded if c.isascii() and (c.isalnum() or c in "-."))


def rdn_key(name):
    """What the directory takes for the same RDN: neither case nor accents count."""
    folded = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in folded if not unicodedata.combining(c)).strip()


def escape(value):
    """An RDN value as it stands in a DN (RFC 4514)."""
    out = "".join("\\" + c if c in ',+"\\<>;=' else c for c in value)
    if out[:1] in ("#", " "):
        out = "\\" + out
    if len(value) > 1 and value.endswith(" "):
        out = out[:-1] + "\\ "
    return out


def child(cn, parent):
    return f"CN={escape(cn)},{parent}"


def pick_name(rng):
    """A pair given name, surname; each may have the form native|latin."""
    _, given, sur = rng.choices(CULTURES, WEIGHTS)[0]
    return rng.choice(given), rng.choice(sur)
