"""The words of `iin_core.examples.sentences`: subject, verb and what follows, by topic."""

from __future__ import annotations

from dataclasses import dataclass

SURROUNDINGS = ("without any hurry", "as well as possible")
"""How sentences end; neither tells anything."""

_WORDS = {
    "food": """
        chef|cook|cooked|a pot of soup
        baker|bake|baked|bread with seeds
        waiter|serve|served|the cold dessert
        guest|taste|tasted|a bowl of rice
        customer|order|ordered|the roast chicken
        cook|stir|stirred|the tomato sauce
        barista|pour|poured|a cup of coffee
        grocer|sell|sold|fresh cheese
        butcher|slice|sliced|the smoked ham
        diner|eat|ate|noodles with garlic
        aunt|fry|fried|onions in butter
        brewer|brew|brewed|a dark beer
        confectioner|melt|melted|the bitter chocolate
        host|season|seasoned|the green salad
        uncle|grill|grilled|a piece of fish
        caterer|prepare|prepared|sandwiches for lunch
        hotel|offer|offered|a rich breakfast
        taster|chew|chewed|the dried meat
        neighbour|peel|peeled|potatoes for dinner
        restaurant|recommend|recommended|the apple pie""",
    "sport": """
        striker|score|scored|a late goal
        goalkeeper|save|saved|the penalty kick
        runner|win|won|the long race
        coach|train|trained|the junior team
        swimmer|cross|crossed|the pool in record time
        boxer|punch|punched|the opponent
        referee|stop|stopped|the football match
        skier|jump|jumped|over the ramp
        cyclist|climb|climbed|the final hill of the stage
        fan|cheer|cheered|for the home club
        wrestler|lift|lifted|the rival off the mat
        golfer|tap|tapped|the ball onto the green
        captain|lead|led|the squad to the cup
        pitcher|throw|threw|a fast ball
        athlete|break|broke|the world record
        gymnast|perform|performed|a double somersault
        defender|block|blocked|the dangerous shot
        champion|defend|defended|the league title
        rower|pull|pulled|the oars of the racing boat
        archer|shoot|shot|arrows at the target""",
    "music": """
        pianist|play|played|a slow sonata
        singer|sing|sang|the old ballad
        drummer|keep|kept|a steady rhythm
        composer|write|wrote|a new symphony
        violinist|tune|tuned|the strings
        band|record|recorded|the second album
        conductor|direct|directed|the large orchestra
        guitarist|strum|strummed|three loud chords
        choir|rehearse|rehearsed|the opening hymn
        producer|mix|mixed|the bass and the vocals
        cellist|practise|practised|the difficult concerto
        rapper|improvise|improvised|a verse over the beat
        organist|accompany|accompanied|the church song
        listener|hum|hummed|the melody of the chorus
        trumpeter|blow|blew|a high note
        flautist|repeat|repeated|the opening theme
        soprano|hold|held|the top note of the aria
        duo|perform|performed|jazz on the small stage
        bassist|pluck|plucked|the lowest string
        critic|review|reviewed|the opera premiere""",
    "travel": """
        tourist|visit|visited|the ancient city
        pilot|land|landed|the crowded plane
        passenger|board|boarded|the night train
        traveller|pack|packed|a heavy suitcase
        guide|show|showed|the castle to the group
        driver|park|parked|the bus near the border
        sailor|reach|reached|the distant harbour
        backpacker|cross|crossed|the mountain pass
        family|book|booked|a room by the beach
        explorer|map|mapped|the remote island
        commuter|miss|missed|the last ferry
        steward|check|checked|the boarding cards
        visitor|photograph|photographed|the famous temple
        hiker|follow|followed|the coastal trail
        agent|sell|sold|tickets for the cruise
        couple|rent|rented|a car at the airport
        pilgrim|walk|walked|to the holy shrine
        camper|pitch|pitched|a tent beside the road
        officer|stamp|stamped|the foreign passport
        porter|carry|carried|luggage to the hotel lobby""",
    "medicine": """
        doctor|treat|treated|the infected wound
        nurse|bandage|bandaged|the swollen knee
        surgeon|operate|operated|on the damaged heart
        patient|swallow|swallowed|the bitter pill
        dentist|fill|filled|a rotten tooth
        pharmacist|mix|mixed|the cough syrup
        hospital|admit|admitted|people with high fever
        midwife|deliver|delivered|the healthy baby
        therapist|massage|massaged|the sore back
        clinic|test|tested|blood for the virus
        paramedic|revive|revived|the injured man
        vaccine|prevent|prevented|a dangerous disease
        optician|examine|examined|the weak eye
        antibiotic|cure|cured|the lung infection
        psychiatrist|discuss|discussed|the symptoms of anxiety
        radiologist|scan|scanned|the broken bone
        physician|diagnose|diagnosed|a rare allergy
        injection|relieve|relieved|the chronic pain
        medic|clean|cleaned|the deep cut
        laboratory|analyse|analysed|the tissue sample""",
    "farming": """
        farmer|plough|ploughed|the muddy field
        shepherd|guard|guarded|the flock of sheep
        gardener|water|watered|the young cabbages
        tractor|pull|pulled|a trailer of hay
        peasant|harvest|harvested|the ripe wheat
        cow|graze|grazed|on the meadow
        hen|lay|laid|eggs in the straw
        grower|plant|planted|a row of apple trees
        farmhand|feed|fed|the hungry pigs
        breeder|raise|raised|strong horses
        winemaker|prune|pruned|the vines on the slope
        beekeeper|inspect|inspected|the wooden hives
        dairymaid|milk|milked|the goats in the barn
        labourer|dig|dug|a ditch around the orchard
        rancher|brand|branded|the young cattle
        combine|thresh|threshed|barley and oats
        landowner|fertilise|fertilised|the dry soil
        villager|gather|gathered|corn into sacks
        rooster|wake|woke|the animals of the farmyard
        sower|scatter|scattered|seed over the furrows""",
}
_PLURALS = {"family": "families", "laboratory": "laboratories"}


@dataclass(frozen=True)
class Frame:
    """A subject, a verb and what follows.

    Attributes:
        subject, plural: of one, of several.
        verb, third, past: *cook*, *cooks*, *cooked*.
        rest: what follows the verb.
    """

    subject: str
    plural: str
    verb: str
    third: str
    past: str
    rest: str


def _third(verb: str) -> str:
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ies"
    return f"{verb}es" if verb.endswith(("s", "sh", "ch", "x", "z")) else f"{verb}s"


def _frame(line: str) -> Frame:
    subject, verb, past, rest = line.strip().split("|")
    return Frame(subject, _PLURALS.get(subject, f"{subject}s"), verb, _third(verb), past, rest)


FRAMES: dict[str, tuple[Frame, ...]] = {
    topic: tuple(_frame(line) for line in lines.strip().splitlines()) for topic, lines in _WORDS.items()
}
"""Topic → its frames, each a source."""
