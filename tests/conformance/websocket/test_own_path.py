"""The core of the other cases, against an application that is served by the client's own web path."""

import pytest
import test_closing
import test_frames


@pytest.fixture(scope="module")
def connect(connect_to):
    return connect_to("own")


test_frames_of_every_length = test_frames.test_1_a_frame_of_every_length_comes_back
test_pings = test_frames.test_2_pings_are_answered_in_order
test_fragments = test_frames.test_5_fragments_make_one_message
test_close_codes = test_closing.test_7_a_close_is_answered_with_its_code
test_close_in_a_message = test_closing.test_7_a_close_in_the_middle_of_a_message_is_answered
test_large_messages = test_closing.test_9_large_messages_come_back_however_they_are_cut
test_limit = test_closing.test_9_a_message_over_the_limit_fails
test_order = test_closing.test_9_many_messages_keep_their_order
