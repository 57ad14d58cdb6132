"""Numbers by name, in one registry, with a bound on how many series there can be."""

from bot.outside.metrics import Metrics


def page(metrics: Metrics) -> str:
    body, kind = metrics.render()
    assert kind.startswith("text/plain")
    return body.decode()


def test_counts_times_and_levels() -> None:
    metrics = Metrics()
    metrics.count("http_out_total", dest="wechatpay", outcome="2xx")
    metrics.count("http_out_total", 2, dest="wechatpay", outcome="2xx")
    metrics.count("turns_total")
    metrics.observe("http_out_seconds", 0.3, dest="wechatpay")
    metrics.observe("turn_seconds", 0.3)
    metrics.gauge("queue_length", 7, queue="outbox")
    metrics.gauge("lag_seconds", 1.5)

    text = page(metrics)
    assert 'http_out_total{dest="wechatpay",outcome="2xx"} 3.0' in text
    assert "turns_total 1.0" in text
    assert 'http_out_seconds_bucket{dest="wechatpay",le="0.25"} 0.0' in text
    assert 'http_out_seconds_bucket{dest="wechatpay",le="0.5"} 1.0' in text
    assert "turn_seconds_count 1.0" in text
    assert 'queue_length{queue="outbox"} 7.0' in text
    assert "lag_seconds 1.5" in text


def test_two_registries_share_nothing() -> None:
    one, other = Metrics(), Metrics()
    one.count("turns_total")

    assert "turns_total" not in page(other)


def test_labels_fed_from_outside_cannot_grow_without_end() -> None:
    metrics = Metrics()
    for number in range(2000):
        metrics.count("calls_total", dest=f"host {number}")
    metrics.count("calls_total", dest="host 3")

    text = page(metrics)
    assert text.count("calls_total{") == 501
    assert 'calls_total{dest="other"} 1500.0' in text
    assert 'calls_total{dest="host 3"} 2.0' in text


def test_labels_count_by_their_names_in_whatever_order_they_are_given() -> None:
    metrics = Metrics()
    metrics.count("calls_total", dest="a", outcome="b")
    metrics.count("calls_total", outcome="b", dest="a")
    metrics.count("calls_total", dest="b", outcome="a")

    text = page(metrics)
    assert 'calls_total{dest="a",outcome="b"} 2.0' in text
    assert 'calls_total{dest="b",outcome="a"} 1.0' in text
