"""Pictures, videos, audio and files to send: uploaded when they are sent.

    await message.reply(image("cat.jpg"))
    await message.reply(file(report, name="report.pdf"))

What is not said of them (dimensions, duration, thumbnail, waveform) is worked out where the extra
``blazebot[media]`` (Pillow, PyAV) is installed.
"""

from blazebot.media.upload import Upload, audio, file, image, video

__all__ = ["Upload", "audio", "file", "image", "video"]
