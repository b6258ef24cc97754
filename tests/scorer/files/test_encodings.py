"""CSV in encodings that nobody names: taken where the first block is clear, told, and never against what it says."""

from pathlib import Path

import pytest

from scorer.errors import GuessWarning
from scorer.files.encodings import encoding_of
from scorer.files.format import CsvOptions
from scorer.files.inputs import LocalInput
from scorer.files.opening import open_source
from tests.conftest import Command, one_line
from tests.scorer.files.csv_files import rows, run, written

REVIEWS = {
    "cp1252": """Très bonne qualité, je suis ravie de cet achat à un prix honnête.
L’emballage était abîmé et la notice n’est pas en français.
Le café coûte trop cher, mais le dîner était délicieux, vraiment.
Même après trois mois d’été, les coutures ont tenu.
Service après-vente désagréable : on m’a raccroché au nez.
Déçue, la couleur ne ressemble pas à la photo présentée.""",
    "cp1250": """Świetna jakość, książka przyszła szybko i dobrze zapakowana.
Niestety, po tygodniu przestało działać, a sprzedawca milczy.
Obsługa była miła, ale jedzenie zimne i za słone.
Polecam każdemu, kto szuka czegoś prostego do kuchni.
Zdjęcia kłamią: kolor jest zupełnie inny niż na stronie.
Hotel przy plaży, śniadania bardzo smaczne, łóżko wygodne.""",
    "cp1251": """Отличное качество, доставили быстро, всем советую.
Сломался через неделю, продавец не отвечает на письма.
Обслуживание приятное, но еда холодная и пересоленная.
Книга понравилась, хотя конец немного затянут.
Фотографии врут: цвет совсем другой.
Гостиница у моря, завтраки вкусные, кровать удобная.""",
    "cp932": """とても良い品質で、すぐに届きました。
一週間で壊れてしまい、返事もありません。
店員さんは親切でしたが、料理は冷めていました。
本は面白かったけれど、最後が少し長いです。
写真と色がぜんぜん違います。
海の近くのホテルで、朝食がおいしかった。""",
    "gb18030": """质量非常好，发货也很快，推荐给大家。
用了一个星期就坏了，卖家也不回复。
服务很热情，可是菜已经凉了，而且太咸。
书很好看，只是结尾有点长。
照片和实物的颜色完全不一样。
酒店就在海边，早餐很好吃，床也舒服。""",
    "cp949": """품질이 아주 좋고 배송도 빨랐습니다.
일주일 만에 고장 났는데 판매자가 답이 없어요.
직원은 친절했지만 음식이 식어 있었습니다.
책은 재미있는데 끝이 조금 길어요.
사진과 색이 전혀 다릅니다.
호텔이 바다 앞에 있고 아침 식사가 맛있었어요.""",
}


def table(encoding: str) -> list[list[str]]:
    return [["id", "text"], *([str(n), line] for n, line in enumerate(REVIEWS[encoding].splitlines()))]


@pytest.mark.parametrize("encoding", REVIEWS)
def test_what_the_first_block_speaks_for_is_read_and_told(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(written(table(encoding)).encode(encoding))
    with pytest.warns(GuessWarning, match=f"in.csv: read as {encoding}, .* --encoding says otherwise"):
        source = open_source(LocalInput(path))
    decoded = [source.decode(window).rows["text"].to_pylist() for window in source.windows()]
    assert decoded == [REVIEWS[encoding].splitlines()]
    assert open_source(LocalInput(path), csv_options=CsvOptions(encoding=encoding)).schema == source.schema


@pytest.mark.filterwarnings("default::scorer.errors.GuessWarning")
def test_utf_16_without_a_mark(command: Command, model: Path) -> None:
    result = run(command, "id,text\n1,é 😀\n2,\n".encode("utf-16-le"))
    assert (result.code, rows()) == (0, [["id", "text"], ["1", "é 😀"], ["2", ""]]), result.err
    assert result.err.startswith("scorer: in.csv: read as utf-16-le")


def test_what_is_not_clear_is_not_taken(command: Command, model: Path) -> None:
    """Few lines, an encoding in which any bytes are text, UTF-8 with damages, two encodings."""
    one_line(run(command, "id,text\n1,good\n2,café\n".encode("cp1252")), "in.csv: line 3: not utf-8 text", "--encoding")
    dos = run(command, written(table("cp1251")).encode("cp866"))
    one_line(dos, "in.csv: line 2: not utf-8 text", "--encoding, maybe cp866")
    utf_8, other = (written(table("cp1252")).encode(one) for one in ("utf-8", "cp1252"))
    one_line(run(command, utf_8 * 2 + other[:100]), "not utf-8 text")
    assert encoding_of(utf_8) is encoding_of(other + utf_8) is encoding_of(b"\xff\xfe\xfd\n" * 9) is None
    one_line(run(command, other, "--encoding", "utf-8"), "in.csv: line 2: not utf-8 text")


@pytest.mark.filterwarnings("default::scorer.errors.GuessWarning")
def test_what_comes_later_does_not_contradict_it(command: Command, model: Path) -> None:
    """In a block far down: text in UTF-8, a byte that the encoding does not have."""
    content = written(table("cp1252")[1:])
    many = -(-(1 << 20) // len(content))
    begun = f"id,text\n{content * many}".encode("cp1252")
    lines = begun.count(b"\n")
    result = run(command, begun + (content * many).encode())
    assert result.code == 1
    assert f"in.csv: line {lines + 1}: is utf-8 text, but the file begins in cp1252" in result.err.splitlines()[-1]
    result = run(command, begun + b"9,\x81\n")
    assert f"in.csv: line {lines + 1}: not cp1252 text; name the file's encoding" in result.err.splitlines()[-1]
