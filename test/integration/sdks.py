"""Uses the official Python SDKs against a router; prints one line of JSON for each check. Run by python-sdks.test.ts."""

import asyncio
import json
import sys

import anthropic
import openai

URL, MODEL, EMBED, WHISPER = sys.argv[1:5]
MESSAGES = [{"role": "user", "content": "Say hello to the router."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
client = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
claude = anthropic.Anthropic(base_url=URL, api_key="none", max_retries=0)


def chat():
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=5)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 5
    assert answer._request_id
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=5, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == answer.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == 5


def tools():
    choice = {"type": "function", "function": {"name": "weather"}}
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, tools=[WEATHER], tool_choice=choice)
    assert answer.choices[0].message.tool_calls[0].function.name == "weather"


def errors():
    try:
        client.chat.completions.create(model="none", messages=MESSAGES)
    except openai.NotFoundError as error:
        assert error.code == "model_not_found", error
    else:
        raise AssertionError("no error")
    try:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=-1)
    except openai.BadRequestError:
        return
    raise AssertionError("no error")


def models():
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def responses():
    assert client.responses.create(model=MODEL, input="Say hello.", max_output_tokens=6).object == "response"
    kinds = [event.type for event in client.responses.create(model=MODEL, input="x", max_output_tokens=6, stream=True)]
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete"), kinds


def embeddings():
    assert len(client.embeddings.create(model=EMBED, input=["a", "b"]).data) == 2


def transcription():
    file = ("a.wav", bytes(range(256)) * 100, "audio/wav")
    assert isinstance(client.audio.transcriptions.create(model=WHISPER, file=file).text, str)


def messages():
    asked = {"model": MODEL, "messages": MESSAGES, "max_tokens": 6}
    answer = claude.messages.create(**asked)
    assert answer.usage.output_tokens == 6 and answer._request_id
    with claude.messages.stream(**asked) as stream:
        assert stream.get_final_message().content[0].text == answer.content[0].text
    assert claude.messages.count_tokens(model=MODEL, messages=MESSAGES).input_tokens > 0
    try:
        claude.messages.create(**{**asked, "model": "none"})
    except anthropic.NotFoundError:
        return
    raise AssertionError("no error")


def abort():
    async def run():
        async with openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0) as session:
            call = session.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=4000)
            try:
                await asyncio.wait_for(call, 0.3)
            except (asyncio.TimeoutError, openai.APITimeoutError):
                return
            raise AssertionError("it ended")

    asyncio.run(run())


for check in (chat, tools, errors, models, responses, embeddings, transcription, messages, abort):
    try:
        check()
        print(json.dumps({"check": check.__name__, "ok": True}), flush=True)
    except Exception as error:  # reported, not raised: the other checks are worth knowing too
        print(json.dumps({"check": check.__name__, "ok": False, "error": repr(error)}), flush=True)
